// One inference thread that owns the engine, behind a bounded queue. No HTTP, no torch.
//
// A request's states: admitted (holds a place, is being preprocessed) → waiting → running →
// answered. From admission on, exactly one of these happens, and the place is free again:
//   answered    with logits, or with the engine's error
//   dropped     with kDeadlineExceeded or kCancelled, before the engine saw it
//   released    its Admission was destroyed without a submit(): preprocessing failed
// Only admit() refuses, and it does so at once.
//
// An engine that can have several batches under way (InferenceEngine::depth) gets the next one
// while it computes, but only where the largest batch is full: a smaller one waits for the engine,
// since others may yet join it.
//
// Threads: every public function may be called from any thread. The engine is made, used and
// destroyed on the inference thread alone. Answers are fulfilled on the inference thread or, when
// dropped, on the thread that found them expired; never with the lock held.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "beralih/result.h"
#include "beralih/tensor.h"
#include "engine/inference_engine.h"
#include "scheduling/batch_queue.h"
#include "scheduling/metrics.h"
#include "scheduling/request.h"
#include "scheduling/service_times.h"

namespace beralih {

struct SchedulerOptions {
  size_t queue_capacity = 32;  ///< requests admitted or waiting, beside those that run
  size_t max_batch = 1;
  std::chrono::microseconds batch_delay{0};  ///< how long a request waits for company
  /// Every batch is padded to max_batch: then an answer does not depend on who else was there.
  bool fixed_shape = false;
  /// What a batch is warmed with and padded with; without one, only batches of 1 are used.
  std::optional<Tensor> example;
  std::shared_ptr<SchedulerMetrics> metrics;  ///< nullptr: the scheduler makes its own
  std::function<TimePoint()> now = std::chrono::steady_clock::now;
};

class Scheduler;

/// A place in the queue. Give it to submit(), or destroy it to give it back; before its Scheduler.
class Admission {
 public:
  Admission(Admission&& other) noexcept;
  Admission& operator=(Admission&&) = delete;
  ~Admission();

  const RequestTerms& terms() const { return terms_; }

 private:
  friend class Scheduler;
  Admission(Scheduler* owner, RequestTerms terms) : owner_(owner), terms_(std::move(terms)) {}

  Scheduler* owner_;  ///< nullptr: used up
  RequestTerms terms_;
  std::optional<PredictedWait> predicted_wait_;
};

class Scheduler {
 public:
  /// Runs the factory on the inference thread and returns when the engine is loaded; with
  /// `fixed_shape`, when max_batch is warm too.
  static Result<std::unique_ptr<Scheduler>> start(EngineFactory factory, SchedulerOptions options);

  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Places for `count` requests, or none. Errors: kOverloaded with its reason (no place, or the
  /// answer is predicted for after the deadline), kUnavailable (shutting down).
  Result<std::vector<Admission>> admit(size_t count, const RequestTerms& terms);

  /// Never refuses.
  InferenceAnswer submit(Admission admission, Tensor tensor, ObservedItem observed = {});

  /// Both at once. Errors: those of admit().
  Result<InferenceAnswer> submit(Tensor tensor, const RequestTerms& terms = {});

  /// Waits for an answer, at the latest until its deadline while it waits in the queue.
  Result<InferenceOutcome> wait(InferenceAnswer& answer, TimePoint deadline);

  /// Drops what has expired or was cancelled, now instead of when its turn comes.
  void sweep();

  /// Admitted and not answered yet.
  size_t in_progress() const;

  /// What preprocessing took lately: admit() adds it to a newcomer's predicted wait.
  void record_preparation(double milliseconds);

  /// Warms the other buckets, between batches; a bucket is used once it is warm.
  void begin_warming();
  /// The buckets in use, ascending.
  std::vector<size_t> warm_buckets() const;
  bool warming_finished() const;
  /// Why warming ended early; empty if it did not.
  std::string warming_error() const;

  /// Why the engine will answer nothing any more in this process (kDeviceLost); empty while it may.
  std::string device_fault() const;

  /// Admits nothing more, answers everything admitted, ends the inference thread. Idempotent.
  void shutdown();

  const EngineMetadata& metadata() const { return metadata_; }
  const SchedulerMetrics& metrics() const { return *options_.metrics; }

 private:
  friend class Admission;

  /// A batch in the engine.
  struct Running {
    Batch batch;
    std::vector<Tensor> tensors;  ///< of the batch, and what pads it
    TimePoint begin;
  };
  struct Finished {
    Running running;
    Result<LogitRows> rows;
    TimePoint end;
    double service_ms;  ///< that the engine worked on it alone
  };

  explicit Scheduler(SchedulerOptions options);
  void release();
  Status prepare(InferenceEngine& engine);
  void serve(InferenceEngine& engine);
  bool warm_next(InferenceEngine& engine, std::unique_lock<std::mutex>& lock);
  Result<double> time_batch(InferenceEngine& engine, size_t size) const;
  Running enter(Batch batch, bool padded);
  void run(InferenceEngine& engine, Batch batch);
  void begin(InferenceEngine& engine, Batch batch);
  void finish_oldest(InferenceEngine& engine);
  void complete(InferenceEngine& engine, Finished finished);
  void note_failure(const Error& error, size_t bucket);
  void publish_running() const;
  void drop(std::vector<DroppedRequest> dropped);
  double predicted_ms(size_t count, Priority priority, TimePoint now) const;
  std::optional<Error> refusal(size_t count, const RequestTerms& terms, TimePoint now,
                               double predicted_ms) const;

  SchedulerOptions options_;
  EngineMetadata metadata_;  ///< written before start() returns, read-only afterwards

  mutable std::mutex mutex_;  ///< guards everything down to `device_fault_`
  std::condition_variable wake_;
  BatchQueue queue_;
  ServiceTimes times_;
  std::vector<size_t> cold_;  ///< buckets to be warmed, the next one last
  size_t warm_runs_ = 0;      ///< of the next one
  std::string warming_error_;
  bool warming_ = false;
  size_t admitted_ = 0;
  size_t running_ = 0;
  TimePoint running_until_;  ///< predicted; valid while running_ > 0
  double preparation_ms_ = 0;
  bool stopping_ = false;
  std::string device_fault_;

  // The inference thread's own.
  std::deque<Running> under_way_;  ///< begun and not finished, in that order
  TimePoint last_end_;             ///< when the engine finished its latest batch

  std::mutex join_mutex_;
  std::thread thread_;  ///< guarded by join_mutex_ after start()
};

}  // namespace beralih
