// The command line: wiring only.
#include <stdlib.h>

#include <csignal>
#include <exception>
#include <iostream>

#include "bundle/mapped_file.h"
#include "cli/commands.h"
#include "cli/usage.h"

namespace {
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;
}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a client that went away is an error of one write, not the end
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error of one write, too
  beralih::explain_lost_mappings();
  // Waiting OpenMP threads must sleep: spinning made the network five times slower when it shared
  // its cores. Before any thread, and before the engine with its OpenMP is loaded.
  ::setenv("OMP_WAIT_POLICY", "passive", /*overwrite=*/0);

  CLI::App app{"Beralih: serve an image classifier exactly as it was researched", "beralih"};
  app.set_version_flag("--version", "beralih " BERALIH_VERSION);
  app.require_subcommand(1);
  beralih::add_serve_command(app);
  beralih::add_predict_command(app);
  beralih::add_preprocess_command(app);
  beralih::add_bundle_command(app);
  beralih::add_presets_command(app);
  beralih::add_health_command(app);
  beralih::add_loadtest_command(app);
  beralih::add_replay_command(app);
  beralih::add_key_command(app);

  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::RuntimeError& error) {
    return error.get_exit_code();
  } catch (const CLI::Success& request) {  // --help, --version
    return app.exit(request);
  } catch (const CLI::ParseError& error) {
    std::cerr << beralih::describe_usage_error(app, error, argc, argv) << '\n';
    return kExitUsage;
  } catch (const std::exception& error) {
    std::cerr << "beralih: " << error.what() << '\n';
    return kExitFailure;
  }
}
