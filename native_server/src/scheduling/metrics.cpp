#include "scheduling/metrics.h"

#include <algorithm>

namespace beralih {
namespace {

uint64_t microseconds(double milliseconds) {
  return static_cast<uint64_t>(std::max(milliseconds, 0.0) * 1000);
}

}  // namespace

void SchedulerMetrics::record_batch(size_t requests, size_t bucket, double inference_ms) {
  batches.fetch_add(1, std::memory_order_relaxed);
  padding.fetch_add(bucket - requests, std::memory_order_relaxed);
  batch_sizes[std::min(requests, batch_sizes.size() - 1)].fetch_add(1, std::memory_order_relaxed);
  inference_time_us.fetch_add(microseconds(inference_ms), std::memory_order_relaxed);
}

void SchedulerMetrics::record_queue_time(double milliseconds) {
  const auto* const bound =
      std::lower_bound(kQueueTimeBounds.begin(), kQueueTimeBounds.end(), milliseconds);
  const auto index = static_cast<size_t>(bound - kQueueTimeBounds.begin());
  queue_times[index].fetch_add(1, std::memory_order_relaxed);
  queue_time_us.fetch_add(microseconds(milliseconds), std::memory_order_relaxed);
}

}  // namespace beralih
