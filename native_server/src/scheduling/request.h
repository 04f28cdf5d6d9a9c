// What a request asks of the scheduler, and what it gets.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <optional>
#include <vector>

#include "beralih/result.h"
#include "beralih/tensor.h"
#include "scheduling/request_observer.h"

namespace beralih {

using TimePoint = std::chrono::steady_clock::time_point;
using Milliseconds = std::chrono::duration<double, std::milli>;

inline constexpr TimePoint kNoDeadline = TimePoint::max();

enum class Priority {
  kInteractive,  ///< somebody waits for the answer
  kBulk,         ///< goes behind the others, but not beyond its deadline
};

struct RequestTerms {
  /// The work must have begun by then; what has begun is answered, even if a little late.
  TimePoint deadline = kNoDeadline;
  Priority priority = Priority::kInteractive;
  /// True once nobody waits for the answer any more. May be empty. Called from any thread and with
  /// the scheduler's lock held, until the request is answered: it must be quick and must not call
  /// the scheduler.
  std::function<bool()> cancelled;
};

struct InferenceOutcome {
  std::vector<float> logits;
  double queue_ms = 0;      ///< from submit() until the engine took it
  double inference_ms = 0;  ///< of its batch in the engine
  size_t batch_size = 0;    ///< requests that shared the batch
  size_t batch_rows = 0;    ///< what the network computed for them: padding included
};

using InferenceAnswer = std::future<Result<InferenceOutcome>>;

/// When an answer was expected, and by what; of a request that came alone.
struct PredictedWait {
  TimePoint made;
  double milliseconds = 0;
};

/// A request that waits for the engine.
struct QueuedRequest {
  Tensor tensor;
  RequestTerms terms;
  TimePoint submitted;
  ObservedItem observed;
  std::promise<Result<InferenceOutcome>> answer;
  std::optional<PredictedWait> predicted_wait;
};

}  // namespace beralih
