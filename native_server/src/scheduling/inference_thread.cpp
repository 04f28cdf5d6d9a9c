// The scheduler's inference thread: warming batches, taking them from the queue, running them.
#include <algorithm>
#include <exception>
#include <span>
#include <utility>

#include "scheduling/scheduler.h"

namespace beralih {
namespace {

/// The executor of a scripted program profiles the first run of a size and specialises on the
/// second.
constexpr size_t kWarmRuns = 3;
/// Under load, warming gets a turn after so many batches.
constexpr size_t kBatchesPerWarmRun = 8;

/// An engine's errors are values; what it throws nevertheless becomes one.
template <typename T>
Result<T> guarded(const std::function<Result<T>()>& call) {
  try {
    return call();
  } catch (const std::exception& exception) {
    return Error{ErrorCode::kInternal, std::string("the engine threw: ") + exception.what()};
  }
}

Result<LogitRows> counted(Result<LogitRows> rows, size_t count) {
  if (rows && rows->size() != count) {
    return Error{ErrorCode::kInternal,
                 "the engine answered another number of tensors than it was given"};
  }
  return rows;
}

Result<LogitRows> infer(InferenceEngine& engine, std::span<const Tensor> batch) {
  return guarded<LogitRows>([&] { return counted(engine.infer(batch), batch.size()); });
}

Status start_batch(InferenceEngine& engine, std::span<const Tensor> batch, size_t rows) {
  return guarded<Ok>([&] { return engine.begin(batch, rows); });
}

Result<LogitRows> finish_batch(InferenceEngine& engine, size_t count) {
  return guarded<LogitRows>([&] { return counted(engine.finish(), count); });
}

int64_t nanoseconds(TimePoint time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

std::string cannot_be_run(size_t size, const Error& error) {
  return "batches of " + std::to_string(size) + " cannot be run: " + error.message;
}

}  // namespace

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
  for (size_t i = 0; i < kWarmRuns;) {
    const auto timed = time_batch(engine, options_.max_batch);
    if (timed) {
      milliseconds = *timed;
      ++i;
      continue;
    }
    if (timed.error().code != ErrorCode::kOutOfMemory || options_.max_batch == 1)
      return timed.error();
    warming_error_ = cannot_be_run(options_.max_batch, timed.error());
    options_.max_batch /= 2;
    i = 0;
  }
  times_.add_bucket(options_.max_batch, milliseconds);
  return Ok{};
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
    warming_error_ = cannot_be_run(size, milliseconds.error());
    cold_.clear();
    if (milliseconds.error().code == ErrorCode::kDeviceLost)
      device_fault_ = milliseconds.error().message;
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
    const bool room = under_way_.size() < engine.depth() && queue_.size() >= times_.largest();
    if (!under_way_.empty() && !room) {
      lock.unlock();
      finish_oldest(engine);
      lock.lock();
      if (under_way_.empty()) running_ = 0;
      continue;
    }
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
    if (++batches % kBatchesPerWarmRun == 0 && under_way_.empty() && warm_next(engine, lock))
      continue;
    std::vector<DroppedRequest> dropped;
    Batch batch = queue_.take(now, times_, dropped);
    if (!batch.requests.empty()) {
      running_ += batch.requests.size();
      const auto expected = Milliseconds(times_.expected_ms(batch.bucket));
      running_until_ = (under_way_.empty() ? now : std::max(now, running_until_)) +
                       std::chrono::duration_cast<TimePoint::duration>(expected);
    }
    lock.unlock();
    drop(std::move(dropped));
    if (!batch.requests.empty()) {
      if (engine.depth() > 1) {
        begin(engine, std::move(batch));
      } else {
        run(engine, std::move(batch));
      }
    }
    lock.lock();
    if (under_way_.empty()) running_ = 0;
  }
}

Scheduler::Running Scheduler::enter(Batch batch, bool padded) {
  SchedulerMetrics& metrics = *options_.metrics;
  const auto count = static_cast<int64_t>(batch.requests.size());
  metrics.waiting.fetch_sub(count, std::memory_order_relaxed);
  metrics.running.fetch_add(count, std::memory_order_relaxed);
  Running running{std::move(batch), {}, options_.now()};
  for (const QueuedRequest& request : running.batch.requests) {
    if (!request.observed.observer) continue;
    request.observed.observer->batched(request.observed.index, running.batch.requests.size(),
                                       running.batch.bucket,
                                       Milliseconds(running.begin - request.submitted).count());
  }
  running.tensors.reserve(running.batch.bucket);
  for (QueuedRequest& request : running.batch.requests)
    running.tensors.push_back(std::move(request.tensor));
  while (padded && running.tensors.size() < running.batch.bucket)
    running.tensors.push_back(*options_.example);
  return running;
}

void Scheduler::publish_running() const {
  const int64_t since = under_way_.empty() ? 0 : nanoseconds(under_way_.front().begin);
  options_.metrics->running_since_ns.store(since, std::memory_order_relaxed);
}

void Scheduler::run(InferenceEngine& engine, Batch batch) {
  under_way_.push_back(enter(std::move(batch), true));
  publish_running();
  auto rows = infer(engine, under_way_.back().tensors);
  const TimePoint end = options_.now();
  Running running = std::move(under_way_.back());
  under_way_.pop_back();
  publish_running();
  const double service_ms = Milliseconds(end - running.begin).count();
  complete(engine, {std::move(running), std::move(rows), end, service_ms});
}

void Scheduler::begin(InferenceEngine& engine, Batch batch) {
  Running running = enter(std::move(batch), false);
  const Status begun = start_batch(engine, running.tensors, running.batch.bucket);
  if (begun) {
    under_way_.push_back(std::move(running));
    publish_running();
    return;
  }
  // Trying its requests alone needs an engine that has nothing else under way.
  while (!under_way_.empty()) finish_oldest(engine);
  const TimePoint end = options_.now();
  const double service_ms = Milliseconds(end - running.begin).count();
  complete(engine, {std::move(running), begun.error(), end, service_ms});
}

void Scheduler::finish_oldest(InferenceEngine& engine) {
  std::vector<Finished> finished;
  do {
    const TimePoint begin = under_way_.front().begin;
    auto rows = finish_batch(engine, under_way_.front().batch.requests.size());
    const TimePoint end = options_.now();
    // While its predecessor ran, it waited.
    const double service_ms = Milliseconds(end - std::max(begin, last_end_)).count();
    last_end_ = end;
    finished.push_back({std::move(under_way_.front()), std::move(rows), end, service_ms});
    under_way_.pop_front();
    publish_running();
    // As in begin(): what failed is tried again, so the others come first.
  } while (!finished.back().rows && !under_way_.empty());
  for (Finished& each : finished) complete(engine, std::move(each));
}

void Scheduler::note_failure(const Error& error, size_t bucket) {
  const std::lock_guard lock(mutex_);
  if (error.code == ErrorCode::kDeviceLost) device_fault_ = error.message;
  if (error.code == ErrorCode::kOutOfMemory && !options_.fixed_shape && bucket > 1) {
    warming_error_ = cannot_be_run(bucket, error);
    times_.remove_from(bucket);
    std::erase_if(cold_, [&](size_t size) { return size >= bucket; });
  }
}

void Scheduler::complete(InferenceEngine& engine, Finished finished) {
  SchedulerMetrics& metrics = *options_.metrics;
  Batch& batch = finished.running.batch;
  const Result<LogitRows>& rows = finished.rows;
  const size_t count = batch.requests.size();
  metrics.running.fetch_sub(static_cast<int64_t>(count), std::memory_order_relaxed);
  metrics.record_batch(count, batch.bucket, finished.service_ms);
  if (!rows) note_failure(rows.error(), batch.bucket);
  if (!rows && count > 1 && rows.error().code != ErrorCode::kDeviceLost) {
    // One request's trouble is not its neighbours': each is tried alone.
    for (size_t i = 0; i < count; ++i) {
      batch.requests[i].tensor = std::move(finished.running.tensors[i]);
      metrics.waiting.fetch_add(1, std::memory_order_relaxed);
      Batch alone{{}, options_.fixed_shape ? batch.bucket : 1};
      alone.requests.push_back(std::move(batch.requests[i]));
      run(engine, std::move(alone));
    }
    return;
  }
  if (rows) {
    const std::lock_guard lock(mutex_);
    times_.record(batch.bucket, finished.service_ms);
    for (const QueuedRequest& request : batch.requests) {
      if (!request.predicted_wait) continue;
      const double taken_ms = Milliseconds(finished.end - request.predicted_wait->made).count();
      times_.record_prediction(request.predicted_wait->milliseconds, taken_ms);
    }
  }
  const TimePoint begin = finished.running.begin;
  const double inference_ms = Milliseconds(finished.end - begin).count();
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
      auto& logits = (*finished.rows)[i];
      answer.set_value(
          InferenceOutcome{std::move(logits), queue_ms, inference_ms, count, batch.bucket});
    }
  }
}

}  // namespace beralih
