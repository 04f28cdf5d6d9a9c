// The subcommands. Each adds itself to the command line; its callback throws CLI::RuntimeError(1)
// after printing one sentence, and returns normally on success.
#pragma once

#include <CLI/CLI.hpp>

namespace beralih {

void add_serve_command(CLI::App& app);
void add_predict_command(CLI::App& app);
void add_preprocess_command(CLI::App& app);
void add_bundle_command(CLI::App& app);
void add_presets_command(CLI::App& app);
void add_health_command(CLI::App& app);
void add_loadtest_command(CLI::App& app);
void add_replay_command(CLI::App& app);
void add_key_command(CLI::App& app);

inline constexpr const char* kDefaultBundle = "models/bundles/resnet34";

}  // namespace beralih
