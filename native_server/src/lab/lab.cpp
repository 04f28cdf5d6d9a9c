#include "lab/lab.h"

#include <condition_variable>
#include <utility>

#include "http/wire.h"
#include "telemetry/access_log.h"

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr const char* kRunning = "running";

}  // namespace

struct Lab::Run {
  std::string id;
  LabRequest request;
  LoadBody body;
  Clock::time_point started = Clock::now();
  // Guarded by Lab::mutex_:
  std::string state = kRunning;  ///< then done, stopped or failed
  std::string error;
  std::vector<Json> events;
};

Lab::Lab(LabOptions options, RunExperiment run)
    : options_(std::move(options)), run_experiment_(std::move(run)) {}

Lab::~Lab() { shutdown(); }

void Lab::set_own_address(ServerAddress address) { own_ = {std::move(address), "/api/classify"}; }

Result<std::string> Lab::start(const LabRequest& request, LoadBody body) {
  const std::lock_guard lock(mutex_);
  if (ended_) return Error{ErrorCode::kUnavailable, "The server is shutting down"};
  if (run_ != nullptr && run_->state == kRunning) {
    return Error{
        ErrorCode::kOverloaded,
        "Another experiment is running, and there is only one at a time; wait for its end"};
  }
  if (request.experiment == LabExperiment::kPythonOrCpp && !options_.peer) {
    return Error{ErrorCode::kUnavailable,
                 "No Python service runs beside this server; start both with ./run.sh "
                 "--with-python"};
  }
  auto run = std::make_shared<Run>();
  run->id = make_request_id();
  run->request = request;
  run->body = std::move(body);
  run_ = run;
  // The one before has ended, so this waits for next to nothing.
  thread_ = std::jthread([this, run](const std::stop_token& stop) { work(stop, run); });
  return run->id;
}

void Lab::work(const std::stop_token& stop, const std::shared_ptr<Run>& run) {
  // Whatever happens, a run ends.
  std::stop_source ending;
  const std::stop_callback pass_on(stop, [&ending] { ending.request_stop(); });
  bool too_long = false;
  std::jthread timer([&](const std::stop_token& done) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any wake;
    wake.wait_for(lock, done, options_.longest_run, [] { return false; });
    if (done.stop_requested()) return;
    too_long = true;
    ending.request_stop();
  });
  const auto tell = [&](Json event) {
    const double ms =
        std::chrono::duration<double, std::milli>(Clock::now() - run->started).count();
    event["at_ms"] = ms;
    const std::lock_guard lock(mutex_);
    run->events.push_back(std::move(event));
  };
  const LabContext context{options_, run->request, own_, run->body, tell, ending.get_token()};
  Status status = run_experiment_(context);
  timer.request_stop();
  timer.join();
  const std::lock_guard lock(mutex_);
  if (too_long) {
    run->state = "failed";
    run->error = "The experiment took longer than " + std::to_string(options_.longest_run.count()) +
                 " s and was ended";
  } else if (stop.stop_requested()) {
    run->state = "stopped";
  } else if (!status) {
    run->state = "failed";
    run->error = status.error().message;
  } else {
    run->state = "done";
  }
  if (!run->error.empty())
    write_log_line("lab: " + std::string(experiment_name(run->request.experiment)) +
                   " failed: " + run->error + "\n");
}

std::optional<std::string> Lab::describe(std::string_view id, size_t after) const {
  const std::lock_guard lock(mutex_);
  if (run_ == nullptr || run_->id != id) return std::nullopt;
  Json json{
      {"id",         run_->id                                 },
      {"experiment", experiment_name(run_->request.experiment)},
      {"state",      run_->state                              }
  };
  if (!run_->error.empty()) json["error"] = run_->error;
  json["events"] = Json::array();
  for (size_t i = after; i < run_->events.size(); ++i) json["events"].push_back(run_->events[i]);
  json["next"] = run_->events.size();
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool Lab::stop(std::string_view id) {
  const std::lock_guard lock(mutex_);
  if (run_ == nullptr || run_->id != id) return false;
  thread_.request_stop();
  return true;
}

std::optional<std::string> Lab::running() const {
  const std::lock_guard lock(mutex_);
  if (run_ == nullptr || run_->state != kRunning) return std::nullopt;
  return run_->id;
}

void Lab::shutdown() {
  std::jthread last;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    last = std::move(thread_);
  }
}

}  // namespace beralih
