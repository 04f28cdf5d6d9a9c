// Lab mode: the lesson's experiments, each run for real in child processes of this server, one at a
// time. What happens is a list of events that the page reads as it grows.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "beralih/result.h"
#include "http/load_client.h"
#include "lab/lab_request.h"

namespace beralih {

struct LabOptions {
  /// Of `serve`: which bundle, and what computes it.
  std::vector<std::string> child_arguments;
  uint64_t most_child_bytes = uint64_t{6} << 30;  ///< of a child's own memory
  std::chrono::seconds longest_run{300};
  std::optional<LoadTarget> peer;  ///< a Python service beside this one
  int cores = 1;
};

/// What an experiment works with. It runs on a thread of its own.
struct LabContext {
  const LabOptions& options;
  const LabRequest& request;
  LoadTarget own;  ///< this server
  LoadBody body;   ///< what is sent: the bundle's first golden picture
  std::function<void(nlohmann::ordered_json)> tell;  ///< thread-safe
  std::stop_token stop;
};

/// Errors: what kept the experiment from its end; kCancelled after a stop.
using RunExperiment = std::function<Status(const LabContext&)>;

class Lab {
 public:
  explicit Lab(LabOptions options, RunExperiment run);
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  const LabOptions& options() const { return options_; }

  /// Where this server listens. Before the first start().
  void set_own_address(ServerAddress address);

  /// Returns the run's id. Errors: kOverloaded (one is running), kUnavailable (no peer, ending).
  Result<std::string> start(const LabRequest& request, LoadBody body);

  /// The run with its events from number `after` on, as JSON; nothing if it is not the latest.
  std::optional<std::string> describe(std::string_view id, size_t after) const;

  /// Ends the run if it is the one that is running; does not wait.
  bool stop(std::string_view id);
  /// Ends whatever runs, and refuses more. Idempotent.
  void shutdown();

  /// The id of the one that is running.
  std::optional<std::string> running() const;

 private:
  struct Run;
  void work(const std::stop_token& stop, const std::shared_ptr<Run>& run);

  LabOptions options_;
  RunExperiment run_experiment_;
  LoadTarget own_;
  mutable std::mutex mutex_;  ///< guards what follows
  std::shared_ptr<Run> run_;  ///< the latest
  bool ended_ = false;
  std::jthread thread_;  ///< of run_
};

}  // namespace beralih
