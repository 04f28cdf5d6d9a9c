// The life of the served model: loading it, checking it while it serves, replacing it by another.
//
// Threads: start(), reload() and stop() may be called from any thread, reload() during everything.
// Two threads of its own check (they wait for answers) and watch (they wait for nothing).
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "beralih/result.h"
#include "engine/classifier.h"

namespace beralih {

struct ModelHostOptions {
  std::filesystem::path bundle;
  Classifier::MakeEngine make_engine;
  ClassifierOptions classifier;
  /// How often a golden case goes through the running service; zero: never.
  std::chrono::milliseconds canary_interval{10'000};
  /// A batch that runs longer means that the engine hangs.
  std::chrono::milliseconds stall_limit{60'000};
};

/// What the host tells the server. Called from its threads, one call at a time.
struct ModelHostEvents {
  /// From now on requests go to this classifier.
  std::function<void(std::shared_ptr<Classifier>)> publish;
  /// From now on requests are refused, and why.
  std::function<void(const std::string& reason)> withdraw;
  std::function<void(const std::string& line)> log;
  /// The device answers nothing any more, after withdraw(): this process should end. May be empty.
  std::function<void(const std::string& reason)> lost = {};
  /// Several times a second while nothing is wrong with what serves, for a watchdog. May be empty.
  std::function<void()> alive = {};
};

struct ReloadReport {
  std::string contract_before;
  std::string contract_after;
  double total_ms = 0;
};

class ModelHost {
 public:
  ModelHost(ModelHostOptions options, ModelHostEvents events);
  ~ModelHost();
  ModelHost(const ModelHost&) = delete;
  ModelHost& operator=(const ModelHost&) = delete;

  /// Loads the bundle and publishes its classifier once that is ready; then, in the background, the
  /// other golden cases, the larger batches and the canary. Errors: those of Classifier::load().
  Status start();

  /// Opens the bundle's directory anew, beside the one that serves, and replaces that if all golden
  /// cases come out; requests that hold the old one are still answered by it. Blocks. Errors: those
  /// of Classifier::load(), with the old one still serving; kOverloaded (another reload runs),
  /// kUnavailable (not started, or stopping).
  Result<ReloadReport> reload();

  /// Ends the background work; publishes and withdraws nothing more. Idempotent.
  void stop();

  /// The one that serves, or would if its canary came out; nullptr before start().
  std::shared_ptr<Classifier> current() const;

 private:
  void check(const std::stop_token& stop);
  void check_remaining_golden(const std::stop_token& stop);
  void report_warming();
  void watch(const std::stop_token& stop);
  /// nullopt: the case could not be tried, which says nothing.
  std::optional<Status> try_golden(Classifier& classifier, size_t index,
                                   const std::stop_token& stop) const;
  void judge(const std::shared_ptr<Classifier>& classifier, const std::string& fault);
  bool sleep(std::chrono::milliseconds duration, const std::stop_token& stop);

  ModelHostOptions options_;
  ModelHostEvents events_;

  std::mutex reload_mutex_;   ///< one reload at a time
  mutable std::mutex mutex_;  ///< guards what follows, and the calls of events_
  std::shared_ptr<Classifier> current_;
  std::vector<std::shared_ptr<Classifier>> retired_;  ///< replaced, still answering somebody
  std::string fault_;         ///< why current_ is withdrawn; empty: it serves
  bool golden_done_ = false;  ///< current_'s golden cases have all been tried
  bool warming_reported_ = false;
  bool wrong_ = false;  ///< a golden case of current_ failed: only a reload helps
  bool stopped_ = false;

  std::jthread checker_;
  std::jthread watcher_;
};

}  // namespace beralih
