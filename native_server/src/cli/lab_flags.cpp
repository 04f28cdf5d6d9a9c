#include "cli/lab_flags.h"

#include <map>
#include <thread>
#include <utility>

#include "lab/experiments.h"

namespace beralih {
namespace {

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

}  // namespace

void add_lab_flags(CLI::App& command, LabFlags& flags) {
  command
      .add_flag("--lab", flags.lab,
                "run the lesson's experiments on demand, in child processes; only on a loopback "
                "address, for this machine alone")
      ->envname("BERALIH_LAB");
  command
      .add_option("--lab-peer", flags.peer,
                  "a Python service beside this one, which --lab may compare with, e.g. "
                  "http://127.0.0.1:8000/api/classify")
      ->envname("BERALIH_LAB_PEER")
      ->option_text("URL");
  const std::map<std::string, LoadPolicy> policies{
      {"at-start",      LoadPolicy::kAtStart     },
      {"first-request", LoadPolicy::kFirstRequest},
      {"per-request",   LoadPolicy::kEveryRequest}
  };
  command
      .add_option("--load", flags.policy,
                  "when the model is loaded: at-start (default); first-request and per-request "
                  "show what is wrong with them, /api/classify alone works then")
      ->envname("BERALIH_LOAD")
      ->transform(CLI::CheckedTransformer(policies, CLI::ignore_case)
                      .description("at-start|first-request|per-request"))
      ->type_name("POLICY");
}

Result<std::shared_ptr<Lab>> make_lab(const LabFlags& flags, const std::string& host,
                                      std::vector<std::string> child_arguments, int threads) {
  if (!flags.lab) return std::shared_ptr<Lab>();
  if (!is_loopback(host)) {
    return Error{ErrorCode::kInvalidArgument,
                 "--lab lets the page start processes, so it needs a loopback address, not " +
                     host + "; leave out --lab or --host"};
  }
  LabOptions options;
  options.child_arguments = std::move(child_arguments);
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  options.cores = std::max(1, threads > 0 ? threads : cores);
  if (!flags.peer.empty()) {
    auto peer = parse_load_target(flags.peer);
    if (!peer) return peer.error();
    options.peer = *std::move(peer);
  }
  return std::make_shared<Lab>(std::move(options), run_experiment);
}

}  // namespace beralih
