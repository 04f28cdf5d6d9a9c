// What `beralih bundle` can do; each adds itself below it.
#pragma once

#include <CLI/CLI.hpp>

namespace beralih {

void add_bundle_fetch_command(CLI::App& bundle);

}  // namespace beralih
