// The subcommands of `beralih bundle`, one file each. Their callbacks behave as commands.h says.
#pragma once

#include <CLI/CLI.hpp>

namespace beralih {

void add_bundle_fetch_command(CLI::App& bundle);
void add_bundle_make_command(CLI::App& bundle);
void add_bundle_verify_command(CLI::App& bundle);
void add_bundle_inspect_command(CLI::App& bundle);
void add_bundle_diff_command(CLI::App& bundle);
void add_bundle_pack_command(CLI::App& bundle);
void add_bundle_unpack_command(CLI::App& bundle);

}  // namespace beralih
