#include "cli/serve_lab.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <thread>
#include <utility>

#include "engine/engine_module.h"
#include "engine/null_engine.h"
#include "lab/experiments.h"
#include "telemetry/access_log.h"
#include "telemetry/process.h"

namespace beralih {
namespace {

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

/// What a child of the lab is started with: the same bundle, computed in the same way.
std::vector<std::string> child_arguments(const ServeFlags& flags) {
  std::vector<std::string> words{"serve", "--quiet"};
  const auto add = [&](const char* name, std::string value) {
    words.emplace_back(name);
    words.push_back(std::move(value));
  };
  add("--bundle", std::filesystem::absolute(flags.bundle).string());
  add("--engine", flags.engine_name);
  add("--cpu-engine", flags.cpu_engine);
  add("--max-pixels", std::to_string(flags.classifier.max_pixels));
  if (flags.cpu_engine != "mapped") add("--dtype", flags.engine.dtype);
  const std::string cache = flags.classifier.open.cache_directory.string();
  if (!cache.empty()) add("--cache-dir", cache);
  return words;
}

}  // namespace

Result<std::shared_ptr<Lab>> make_lab(const ServeFlags& flags) {
  if (!flags.lab.on) return std::shared_ptr<Lab>();
  if (!is_loopback(flags.http.host)) {
    return Error{ErrorCode::kInvalidArgument,
                 "--lab lets the page start processes, so it needs a loopback address, not " +
                     flags.http.host + "; leave out --lab or --host"};
  }
  // The experiments send their own load to this server, without a key and without TLS.
  for (const auto& [name, value] : {
           std::pair{"--api-keys", &flags.api_keys       },
           std::pair{"--tls-cert", &flags.tls_certificate}
  }) {
    if (value->empty()) continue;
    return Error{ErrorCode::kInvalidArgument,
                 "--lab is for a lesson on one machine and does not go together with " +
                     std::string(name) + "; leave out one of them"};
  }
  LabOptions options;
  options.child_arguments = child_arguments(flags);
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  options.cores = std::max(1, flags.engine.threads > 0 ? flags.engine.threads : cores);
  if (!flags.lab.peer.empty()) {
    auto peer = parse_load_target(flags.lab.peer);
    if (!peer) return peer.error();
    options.peer = *std::move(peer);
  }
  return std::make_shared<Lab>(std::move(options), run_experiment);
}

void load_on_demand(ServingState& state, const ModelHostOptions& host, const ServeFlags& flags) {
  if (flags.engine_name != kNullDevice) (void)load_engine_module();  // what a script imports
  const auto model = std::make_shared<OnDemandModel>(host.bundle, host.make_engine, host.classifier,
                                                     flags.lab.policy);
  state.on_demand([model]() -> std::shared_ptr<Classifier> {
    auto loaded = model->get();
    if (loaded) return *std::move(loaded);
    write_log_line("not loaded: " + loaded.error().message + "\n");
    return nullptr;
  });
  char line[96];
  std::snprintf(line, sizeof line, "ready in %.2f s, without a model: a request will load it\n",
                program_age_ms() / 1000);
  write_log_line(line);
}

}  // namespace beralih
