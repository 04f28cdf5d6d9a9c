#include "engine/model_host.h"

#include <algorithm>
#include <condition_variable>
#include <utility>

namespace beralih {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kRetry = std::chrono::milliseconds(20);
constexpr auto kWatchInterval = std::chrono::milliseconds(100);

}  // namespace

ModelHost::ModelHost(ModelHostOptions options, ModelHostEvents events)
    : options_(std::move(options)), events_(std::move(events)) {
  // The counters go on counting over reloads.
  if (options_.classifier.metrics == nullptr)
    options_.classifier.metrics = std::make_shared<SchedulerMetrics>();
}

ModelHost::~ModelHost() { stop(); }

Status ModelHost::start() {
  auto loaded = Classifier::load(options_.bundle, options_.make_engine, options_.classifier);
  if (!loaded) return loaded.error();
  const std::lock_guard lock(mutex_);
  if (stopped_) return Error{ErrorCode::kUnavailable, "the server is shutting down"};
  current_ = *std::move(loaded);
  events_.publish(current_);
  checker_ = std::jthread([this](const std::stop_token& stop) { check(stop); });
  watcher_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
  return Ok{};
}

std::shared_ptr<Classifier> ModelHost::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

Result<ReloadReport> ModelHost::reload() {
  const std::unique_lock only_one(reload_mutex_, std::try_to_lock);
  if (!only_one) return Error{ErrorCode::kOverloaded, "another reload is running; wait for it"};
  const auto before = current();
  if (before == nullptr)
    return Error{ErrorCode::kUnavailable, "there is no model to replace yet; wait until ready"};

  const auto start = Clock::now();
  auto loaded = Classifier::load(options_.bundle, options_.make_engine, options_.classifier);
  if (!loaded) return loaded.error();
  std::shared_ptr<Classifier> next = *std::move(loaded);
  const auto& golden = next->bundle().contract().golden;
  for (size_t i = 1; i < golden.size(); ++i) {
    if (auto status = next->check_golden(golden[i]); !status) return status.error();
  }
  const std::lock_guard lock(mutex_);
  if (stopped_) return Error{ErrorCode::kUnavailable, "the server is shutting down"};
  // Whoever still holds the old one is answered by it: it is not told to shut down.
  retired_.push_back(std::exchange(current_, next));
  fault_.clear();
  golden_done_ = true;
  warming_reported_ = false;
  wrong_ = false;
  current_->begin_warming();
  events_.publish(current_);
  return ReloadReport{before->bundle().identity.contract_hash,
                      next->bundle().identity.contract_hash,
                      Milliseconds(Clock::now() - start).count()};
}

void ModelHost::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  checker_.request_stop();
  watcher_.request_stop();
  if (checker_.joinable()) checker_.join();
  if (watcher_.joinable()) watcher_.join();
}

bool ModelHost::sleep(std::chrono::milliseconds duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

std::optional<Status> ModelHost::try_golden(Classifier& classifier, size_t index,
                                            const std::stop_token& stop) const {
  Status status = classifier.check_golden(classifier.bundle().contract().golden[index]);
  if (stop.stop_requested()) return std::nullopt;
  const bool busy = !status && (status.error().code == ErrorCode::kOverloaded ||
                                status.error().code == ErrorCode::kUnavailable);
  if (busy) return std::nullopt;
  return status;
}

/// Turns ready off for a fault, and on again without one.
void ModelHost::judge(const std::shared_ptr<Classifier>& classifier, const std::string& fault) {
  const std::lock_guard lock(mutex_);
  if (stopped_ || wrong_ || classifier != current_ || fault == fault_) return;
  if (fault.empty()) {
    events_.publish(current_);
    events_.log("ready again: " + fault_ + " is over\n");
  } else {
    events_.withdraw(fault);
    events_.log("not ready any more: " + fault + "\n");
  }
  fault_ = fault;
}

void ModelHost::check_remaining_golden(const std::stop_token& stop) {
  const auto classifier = current();
  const size_t count = classifier->bundle().contract().golden.size();
  for (size_t i = 1; i < count;) {
    const auto status = try_golden(*classifier, i, stop);
    if (stop.stop_requested() || classifier != current()) return;
    if (!status) {  // the queue is full
      if (!sleep(kRetry, stop)) return;
      continue;
    }
    if (!*status) {
      judge(classifier, status->error().message);
      const std::lock_guard lock(mutex_);
      if (classifier == current_) wrong_ = true;
      return;
    }
    ++i;
  }
  const std::lock_guard lock(mutex_);
  if (classifier != current_) return;
  golden_done_ = true;
  current_->begin_warming();
  events_.log("golden cases reproduced: all " + std::to_string(count) + "\n");
}

void ModelHost::check(const std::stop_token& stop) {
  check_remaining_golden(stop);
  if (options_.canary_interval.count() == 0) return;
  while (sleep(options_.canary_interval, stop)) {
    const auto classifier = current();
    const auto status = try_golden(*classifier, 0, stop);
    if (status) judge(classifier, *status ? "" : "the canary failed: " + status->error().message);
  }
}

void ModelHost::report_warming() {
  const std::lock_guard lock(mutex_);
  if (warming_reported_ || !golden_done_ || !current_->scheduler().warming_finished()) return;
  warming_reported_ = true;
  std::string sizes;
  for (const size_t size : current_->scheduler().warm_buckets())
    sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
  const std::string error = current_->scheduler().warming_error();
  events_.log("batches warm: " + sizes + (error.empty() ? "" : "; " + error) + "\n");
}

void ModelHost::watch(const std::stop_token& stop) {
  bool stalled = false;
  while (sleep(kWatchInterval, stop)) {
    if (const std::string fault = current()->scheduler().device_fault(); !fault.empty()) {
      judge(current(), fault);
      const std::lock_guard lock(mutex_);
      wrong_ = true;  // the canary fails for the same reason and has nothing to add
      if (!stopped_ && events_.lost) events_.lost(fault);
      return;
    }
    report_warming();
    const int64_t since = options_.classifier.metrics->running_since_ns.load();
    const auto begun = Clock::time_point(std::chrono::nanoseconds(since));
    const bool hangs = since != 0 && Clock::now() - begun > options_.stall_limit;
    if (hangs != stalled) {
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(options_.stall_limit);
      judge(current(), hangs ? "the network has been working on one batch for more than " +
                                   std::to_string(seconds.count()) + " s"
                             : "");
      stalled = hangs;
    }
    if (events_.alive) {
      const std::lock_guard lock(mutex_);
      if (!stopped_ && fault_.empty()) events_.alive();
    }
    std::vector<std::shared_ptr<Classifier>> finished;
    {
      // Nobody can get hold of a retired one any more, so a count of one stays one.
      const std::lock_guard lock(mutex_);
      const auto in_use = std::partition(retired_.begin(), retired_.end(),
                                         [](const auto& each) { return each.use_count() > 1; });
      finished.assign(std::make_move_iterator(in_use), std::make_move_iterator(retired_.end()));
      retired_.erase(in_use, retired_.end());
    }
  }
}

}  // namespace beralih
