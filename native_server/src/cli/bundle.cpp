// beralih bundle: what can be done with a bundle besides serving it.
#include "cli/bundle_commands.h"
#include "cli/commands.h"

namespace beralih {

void add_bundle_command(CLI::App& app) {
  CLI::App* bundle = app.add_subcommand("bundle", "make, check, look at, compare and ship bundles");
  bundle->require_subcommand(1);
  add_bundle_fetch_command(*bundle);
  add_bundle_make_command(*bundle);
  add_bundle_verify_command(*bundle);
  add_bundle_inspect_command(*bundle);
  add_bundle_diff_command(*bundle);
  add_bundle_pack_command(*bundle);
  add_bundle_unpack_command(*bundle);
}

}  // namespace beralih
