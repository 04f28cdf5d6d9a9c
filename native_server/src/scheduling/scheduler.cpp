#include "scheduling/scheduler.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <span>
#include <utility>

namespace beralih {
namespace {

/// The executor of a scripted program profiles the first run of a size and specialises on the
/// second.
constexpr size_t kWarmRuns = 3;
/// Under load, warming gets a turn after so many batches.
constexpr size_t kBatchesPerWarmRun = 8;
constexpr double kPreparationWeight = 0.2;

using Rows = Result<std::vector<std::vector<float>>>;

Rows infer(InferenceEngine& engine, std::span<const Tensor> batch) {
  try {
    auto rows = engine.infer(batch);
    if (rows && rows->size() != batch.size()) {
      return Error{ErrorCode::kInternal,
                   "the engine answered another number of tensors than it was given"};
    }
    return rows;
  } catch (const std::exception& exception) {
    return Error{ErrorCode::kInternal, std::string("the engine threw: ") + exception.what()};
  }
}

int64_t nanoseconds(TimePoint time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

std::string whole_ms(double milliseconds) {
  return std::to_string(static_cast<long long>(std::ceil(milliseconds))) + " ms";
}

}  // namespace

Admission::Admission(Admission&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), terms_(std::move(other.terms_)) {}

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

Status Scheduler::prepare(InferenceEngine& engine) {
  const std::lock_guard lock(mutex_);
  if (!options_.fixed_shape || options_.max_batch == 1) {
    times_.add_bucket(1, metadata_.load.forward_ms);
    if (!options_.example || options_.fixed_shape) return Ok{};
    for (size_t size = 2; size < options_.max_batch; size *= 2) cold_.push_back(size);
    if (options_.max_batch > 1) cold_.push_back(options_.max_batch);
    std::reverse(cold_.begin(), cold_.end());
    return Ok{};
  }
  if (!options_.example) {
    return Error{ErrorCode::kInvalidArgument,
                 "fixed batches need an input of known shape, which this contract does not have"};
  }
  double milliseconds = 0;
  for (size_t i = 0; i < kWarmRuns; ++i) {
    const auto timed = time_batch(engine, options_.max_batch);
    if (!timed) return timed.error();
    milliseconds = *timed;
  }
  times_.add_bucket(options_.max_batch, milliseconds);
  return Ok{};
}

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

std::optional<Error> Scheduler::refusal(size_t count, const RequestTerms& terms,
                                        TimePoint now) const {
  const double predicted = predicted_ms(count, terms.priority, now);
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
  for (;;) {
    const TimePoint now = options_.now();
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        metrics.shed_shutdown.fetch_add(count, std::memory_order_relaxed);
        return Error{ErrorCode::kUnavailable, "the server is shutting down"};
      }
      auto refused = refusal(count, terms, now);
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
  QueuedRequest request{
      std::move(tensor), std::move(admission.terms_), options_.now(), std::move(observed), {}};
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

Result<double> Scheduler::time_batch(InferenceEngine& engine, size_t size) const {
  const std::vector<Tensor> batch(size, *options_.example);
  const auto begin = std::chrono::steady_clock::now();
  const auto rows = infer(engine, batch);
  if (!rows) return rows.error();
  return Milliseconds(std::chrono::steady_clock::now() - begin).count();
}

bool Scheduler::warm_next(InferenceEngine& engine, std::unique_lock<std::mutex>& lock) {
  if (!warming_ || cold_.empty() || stopping_) return false;
  const size_t size = cold_.back();
  lock.unlock();
  const auto milliseconds = time_batch(engine, size);
  lock.lock();
  if (!milliseconds) {
    // Larger ones would fail too (out of memory): the server goes on with those that work.
    warming_error_ =
        "batches of " + std::to_string(size) + " cannot be run: " + milliseconds.error().message;
    cold_.clear();
  } else if (++warm_runs_ == kWarmRuns) {
    times_.add_bucket(size, *milliseconds);
    cold_.pop_back();
    warm_runs_ = 0;
  }
  return true;
}

void Scheduler::serve(InferenceEngine& engine) {
  size_t batches = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto due = queue_.due(times_.largest());
    if (!due) {
      if (stopping_ && admitted_ == 0) return;  // everything admitted is answered
      if (warm_next(engine, lock)) continue;
      wake_.wait(lock);
      continue;
    }
    const TimePoint now = options_.now();
    if (now < *due && !stopping_) {
      wake_.wait_for(lock, *due - now);
      continue;
    }
    if (++batches % kBatchesPerWarmRun == 0 && warm_next(engine, lock)) continue;
    std::vector<DroppedRequest> dropped;
    Batch batch = queue_.take(now, times_, dropped);
    if (!batch.requests.empty()) {
      running_ = batch.requests.size();
      running_until_ = now + std::chrono::duration_cast<TimePoint::duration>(
                                 Milliseconds(times_.expected_ms(batch.bucket)));
    }
    lock.unlock();
    drop(std::move(dropped));
    if (!batch.requests.empty()) run(engine, std::move(batch));
    lock.lock();
    running_ = 0;
  }
}

void Scheduler::run(InferenceEngine& engine, Batch batch) {
  SchedulerMetrics& metrics = *options_.metrics;
  const size_t count = batch.requests.size();
  const auto rows_running = static_cast<int64_t>(count);
  metrics.waiting.fetch_sub(rows_running, std::memory_order_relaxed);
  metrics.running.fetch_add(rows_running, std::memory_order_relaxed);

  std::vector<Tensor> tensors;
  tensors.reserve(batch.bucket);
  for (QueuedRequest& request : batch.requests) tensors.push_back(std::move(request.tensor));
  while (tensors.size() < batch.bucket) tensors.push_back(*options_.example);
  for (const QueuedRequest& request : batch.requests) {
    if (!request.observed.observer) continue;
    request.observed.observer->batched(request.observed.index, count, batch.bucket,
                                       Milliseconds(options_.now() - request.submitted).count());
  }

  const TimePoint begin = options_.now();
  metrics.running_since_ns.store(nanoseconds(begin), std::memory_order_relaxed);
  auto rows = infer(engine, tensors);
  const double inference_ms = Milliseconds(options_.now() - begin).count();
  metrics.running_since_ns.store(0, std::memory_order_relaxed);
  metrics.running.fetch_sub(rows_running, std::memory_order_relaxed);
  metrics.record_batch(count, batch.bucket, inference_ms);
  if (!rows && count > 1) {
    // One request's trouble is not its neighbours': each is tried alone.
    for (size_t i = 0; i < count; ++i) {
      batch.requests[i].tensor = std::move(tensors[i]);
      metrics.waiting.fetch_add(1, std::memory_order_relaxed);
      Batch alone{{}, options_.fixed_shape ? batch.bucket : 1};
      alone.requests.push_back(std::move(batch.requests[i]));
      run(engine, std::move(alone));
    }
    return;
  }
  if (rows) {
    const std::lock_guard lock(mutex_);
    times_.record(batch.bucket, inference_ms);
  }
  for (size_t i = 0; i < count; ++i) {
    const double queue_ms = Milliseconds(begin - batch.requests[i].submitted).count();
    metrics.record_queue_time(queue_ms);
    const ObservedItem& observed = batch.requests[i].observed;
    if (rows && observed.observer) observed.observer->inferred(observed.index, count, inference_ms);
    (rows ? metrics.answered : metrics.failed).fetch_add(1, std::memory_order_relaxed);
    auto& answer = batch.requests[i].answer;
    if (!rows) {
      answer.set_value(rows.error());
    } else {
      answer.set_value(
          InferenceOutcome{std::move((*rows)[i]), queue_ms, inference_ms, count, batch.bucket});
    }
  }
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
