// One inference thread that owns the engine, behind a bounded queue. No HTTP, no torch.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "beralih/result.h"
#include "beralih/tensor.h"
#include "engine/inference_engine.h"

namespace beralih {

struct InferenceOutcome {
  std::vector<float> logits;
  double queue_ms = 0;      ///< from acceptance until the engine took it
  double inference_ms = 0;  ///< in the engine
};

class Scheduler {
 public:
  /// Runs the factory on the inference thread and returns when the engine is loaded. `capacity`
  /// counts the requests that may wait, not the one that runs.
  static Result<std::unique_ptr<Scheduler>> start(EngineFactory factory, size_t capacity);

  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Accepts or refuses at once; what is accepted is answered, in order, also during shutdown().
  /// Errors: kOverloaded (the queue is full), kUnavailable (shutting down).
  Result<std::future<Result<InferenceOutcome>>> submit(Tensor tensor);

  /// Accepts nothing more, answers everything accepted, ends the inference thread. Idempotent.
  void shutdown();

  const EngineMetadata& metadata() const { return metadata_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Request {
    Tensor tensor;
    Clock::time_point accepted;
    std::promise<Result<InferenceOutcome>> answer;
  };

  explicit Scheduler(size_t capacity) : capacity_(capacity) {}
  void serve(InferenceEngine& engine);

  const size_t capacity_;
  EngineMetadata metadata_;  ///< written before start() returns, read-only afterwards

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Request> queue_;  ///< guarded by mutex_
  bool stopping_ = false;      ///< guarded by mutex_
  std::mutex join_mutex_;
  std::thread thread_;  ///< guarded by join_mutex_ after start()
};

}  // namespace beralih
