#include "scheduling/scheduler.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <span>
#include <utility>

namespace beralih {
namespace {

constexpr double kPreparationWeight = 0.2;

std::string whole_ms(double milliseconds) {
  return std::to_string(static_cast<long long>(std::ceil(milliseconds))) + " ms";
}

}  // namespace

Admission::Admission(Admission&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)),
      terms_(std::move(other.terms_)),
      predicted_wait_(other.predicted_wait_) {}

Admission::~Admission() {
  if (owner_ != nullptr) owner_->release();
}

Scheduler::Scheduler(SchedulerOptions options)
    : options_(std::move(options)), queue_(options_.batch_delay) {
  if (options_.metrics == nullptr) options_.metrics = std::make_shared<SchedulerMetrics>();
  options_.max_batch = std::max<size_t>(options_.max_batch, 1);
}

Result<std::unique_ptr<Scheduler>> Scheduler::start(EngineFactory factory,
                                                    SchedulerOptions options) {
  std::unique_ptr<Scheduler> scheduler(new Scheduler(std::move(options)));
  std::promise<Status> loaded;
  std::future<Status> load_status = loaded.get_future();
  scheduler->thread_ = std::thread(
      [self = scheduler.get(), factory = std::move(factory), loaded = std::move(loaded)]() mutable {
        auto engine = factory();
        if (!engine) return loaded.set_value(engine.error());
        self->metadata_ = (*engine)->metadata();
        if (auto prepared = self->prepare(**engine); !prepared)
          return loaded.set_value(prepared.error());
        loaded.set_value(Ok{});
        self->serve(**engine);
      });
  if (auto status = load_status.get(); !status) return status.error();
  return scheduler;
}

Scheduler::~Scheduler() { shutdown(); }

double Scheduler::predicted_ms(size_t count, Priority priority, TimePoint now) const {
  const bool busy = running_ > 0;
  const double until_free = busy ? std::max(0.0, Milliseconds(running_until_ - now).count()) : 0.0;
  // Those being prepared will be in front: they were admitted earlier.
  const auto predict = [&](size_t waiting) {
    const double engine_ms = times_.completion_ms(waiting + admitted_ + count - 1, busy);
    return std::max(until_free, preparation_ms_) + engine_ms;
  };
  const double alone = predict(queue_.ahead_of(priority, now, 0));
  if (priority == Priority::kBulk) return alone;
  // Bulk requests that must begin before this one would be answered go in front of it.
  return predict(queue_.ahead_of(priority, now, alone));
}

std::optional<Error> Scheduler::refusal(size_t count, const RequestTerms& terms, TimePoint now,
                                        double predicted_ms) const {
  const double predicted = predicted_ms * times_.caution();
  const size_t taken = admitted_ + queue_.size();
  // An idle engine takes one at once, which then does not wait.
  const size_t places = options_.queue_capacity + (running_ == 0 ? 1 : 0);
  if (taken + count > places) {
    const double batch_ms = times_.expected_ms(times_.saturated());
    return Error{
        ErrorCode::kOverloaded,
        "the queue is full: " + std::to_string(options_.queue_capacity) +
            " requests may wait; try again shortly",
        Overload{"queue", predicted, batch_ms / 1000}
    };
  }
  // An idle engine always gets its request: otherwise an estimate that is too high would never be
  // corrected.
  const bool idle = taken == 0 && running_ == 0;
  if (terms.deadline == kNoDeadline || idle) return std::nullopt;
  const double allowed = Milliseconds(terms.deadline - now).count();
  if (predicted <= allowed) return std::nullopt;
  return Error{
      ErrorCode::kOverloaded,
      "the answer is predicted in " + whole_ms(predicted) + ", after the deadline in " +
          whole_ms(std::max(allowed, 0.0)) + "; try again shortly, or allow more time",
      Overload{"deadline", predicted, (predicted - std::max(allowed, 0.0)) / 1000}
  };
}

Result<std::vector<Admission>> Scheduler::admit(size_t count, const RequestTerms& terms) {
  SchedulerMetrics& metrics = *options_.metrics;
  bool swept = false;
  PredictedWait prediction;
  for (;;) {
    const TimePoint now = options_.now();
    {
      const std::lock_guard lock(mutex_);
      prediction = {now, predicted_ms(count, terms.priority, now)};
      if (stopping_) {
        metrics.shed_shutdown.fetch_add(count, std::memory_order_relaxed);
        return Error{ErrorCode::kUnavailable, "the server is shutting down"};
      }
      if (!device_fault_.empty()) {
        metrics.shed_shutdown.fetch_add(count, std::memory_order_relaxed);
        return Error{ErrorCode::kDeviceLost, device_fault_};
      }
      auto refused = refusal(count, terms, now, prediction.milliseconds);
      if (!refused) {
        admitted_ += count;
        metrics.accepted.fetch_add(count, std::memory_order_relaxed);
        metrics.admitted.fetch_add(static_cast<int64_t>(count), std::memory_order_relaxed);
        break;
      }
      // Those who left hold places until somebody looks.
      if (swept || queue_.empty()) {
        auto& shed =
            refused->overload->limit == "queue" ? metrics.shed_queue : metrics.shed_deadline;
        shed.fetch_add(count, std::memory_order_relaxed);
        return *std::move(refused);
      }
    }
    sweep();
    swept = true;
  }
  std::vector<Admission> places;
  places.reserve(count);
  for (size_t i = 0; i < count; ++i) places.push_back(Admission(this, terms));
  // Others may overtake bulk requests, and of several only the last takes as long as predicted.
  if (count == 1 && terms.priority == Priority::kInteractive)
    places.front().predicted_wait_ = prediction;
  return places;
}

void Scheduler::release() {
  // Notified with the lock held: once it is free, shutdown() may end and take this object with it.
  const std::lock_guard lock(mutex_);
  --admitted_;
  options_.metrics->admitted.fetch_sub(1, std::memory_order_relaxed);
  options_.metrics->released.fetch_add(1, std::memory_order_relaxed);
  if (stopping_) wake_.notify_all();
}

size_t Scheduler::in_progress() const {
  const std::lock_guard lock(mutex_);
  return admitted_ + queue_.size() + running_;
}

InferenceAnswer Scheduler::submit(Admission admission, Tensor tensor, ObservedItem observed) {
  if (observed.observer) {
    // Said before it is true for everybody: afterwards the network may have been quicker.
    const int64_t others = options_.metrics->waiting.load(std::memory_order_relaxed);
    observed.observer->queued(observed.index,
                              static_cast<size_t>(std::max<int64_t>(others, 0)) + 1);
  }
  QueuedRequest request{std::move(tensor),
                        std::move(admission.terms_),
                        options_.now(),
                        std::move(observed),
                        {},
                        admission.predicted_wait_};
  admission.owner_ = nullptr;
  InferenceAnswer answer = request.answer.get_future();
  const std::lock_guard lock(mutex_);
  --admitted_;
  options_.metrics->admitted.fetch_sub(1, std::memory_order_relaxed);
  options_.metrics->waiting.fetch_add(1, std::memory_order_relaxed);
  queue_.push(std::move(request));
  wake_.notify_one();
  return answer;
}

Result<InferenceAnswer> Scheduler::submit(Tensor tensor, const RequestTerms& terms) {
  auto places = admit(1, terms);
  if (!places) return places.error();
  return submit(std::move(places->front()), std::move(tensor));
}

Result<InferenceOutcome> Scheduler::wait(InferenceAnswer& answer, TimePoint deadline) {
  if (deadline != kNoDeadline && answer.wait_until(deadline) == std::future_status::timeout)
    sweep();  // if it still waits, this answers it; if it runs, the answer is near
  return answer.get();
}

void Scheduler::sweep() {
  std::vector<DroppedRequest> dropped;
  {
    const std::lock_guard lock(mutex_);
    dropped = queue_.sweep(options_.now());
    if (stopping_ && !dropped.empty()) wake_.notify_all();
  }
  drop(std::move(dropped));
}

void Scheduler::drop(std::vector<DroppedRequest> dropped) {
  SchedulerMetrics& metrics = *options_.metrics;
  for (DroppedRequest& each : dropped) {
    auto& counter = each.reason.code == ErrorCode::kCancelled ? metrics.cancelled : metrics.expired;
    counter.fetch_add(1, std::memory_order_relaxed);
    metrics.waiting.fetch_sub(1, std::memory_order_relaxed);
    each.request.answer.set_value(std::move(each.reason));
  }
}

void Scheduler::record_preparation(double milliseconds) {
  const std::lock_guard lock(mutex_);
  preparation_ms_ += kPreparationWeight * (milliseconds - preparation_ms_);
}

void Scheduler::begin_warming() {
  const std::lock_guard lock(mutex_);
  warming_ = true;
  wake_.notify_one();
}

std::vector<size_t> Scheduler::warm_buckets() const {
  const std::lock_guard lock(mutex_);
  return times_.buckets();
}

bool Scheduler::warming_finished() const {
  const std::lock_guard lock(mutex_);
  return cold_.empty();
}

std::string Scheduler::warming_error() const {
  const std::lock_guard lock(mutex_);
  return warming_error_;
}

std::string Scheduler::device_fault() const {
  const std::lock_guard lock(mutex_);
  return device_fault_;
}

void Scheduler::shutdown() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  const std::lock_guard lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

}  // namespace beralih
