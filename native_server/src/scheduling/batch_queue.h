// The requests that wait, and which of them make the next batch. The time is an argument; the
// caller locks.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "scheduling/request.h"
#include "scheduling/service_times.h"

namespace beralih {

struct DroppedRequest {
  QueuedRequest request;
  Error reason;  ///< kDeadlineExceeded, kCancelled
};

struct Batch {
  std::vector<QueuedRequest> requests;  ///< empty where all that waited were dropped
  size_t bucket = 0;                    ///< the size to pad to, at least requests.size()
};

class BatchQueue {
 public:
  /// `delay`: how long the oldest request may wait for others to fill its batch.
  explicit BatchQueue(std::chrono::microseconds delay) : delay_(delay) {}

  void push(QueuedRequest request);

  bool empty() const { return interactive_.empty() && bulk_.empty(); }
  size_t size() const { return interactive_.size() + bulk_.size(); }

  /// When take() may be called: at once for a full batch, otherwise when the oldest has waited
  /// `delay`. nullopt: nothing waits.
  std::optional<TimePoint> due(size_t full) const;

  /// Removes what has expired or was cancelled.
  std::vector<DroppedRequest> sweep(TimePoint now);

  /// Takes the next batch: in order of arrival, interactive before bulk, except bulk requests that
  /// one more batch of others would make too late. What cannot begin in time is dropped.
  Batch take(TimePoint now, const ServiceTimes& times, std::vector<DroppedRequest>& dropped);

  /// How many would be served before a newcomer of that priority whose answer is due `in_ms` from
  /// now: those of its class, and for an interactive one the bulk requests that become urgent.
  size_t ahead_of(Priority priority, TimePoint now, double in_ms) const;

 private:
  size_t urgent_bulk(TimePoint now, const ServiceTimes& times) const;

  std::chrono::microseconds delay_;
  std::deque<QueuedRequest> interactive_;
  std::deque<QueuedRequest> bulk_;
};

}  // namespace beralih
