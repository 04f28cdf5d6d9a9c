// Counters of the scheduler, for telemetry to read at any time: every field is an atomic of its
// own, so that neither side waits. They outlive a reload: each scheduler adds to the same ones.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace beralih {

/// Upper bounds of the queue-time histogram, in milliseconds; a last bucket holds the rest.
inline constexpr std::array<double, 12> kQueueTimeBounds{0.5, 1,   2,   5,    10,   20,
                                                         50,  100, 250, 1000, 2500, 10000};

struct SchedulerMetrics {
  // Gauges.
  std::atomic<int64_t> admitted{0};  ///< hold a place but are not submitted yet (preprocessing)
  std::atomic<int64_t> waiting{0};   ///< wait for the engine
  std::atomic<int64_t> running{0};   ///< are in the engine
  /// steady_clock nanoseconds at which the running batch began; 0: the engine is idle.
  std::atomic<int64_t> running_since_ns{0};

  // Counters.
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> answered{0};       ///< with logits
  std::atomic<uint64_t> failed{0};         ///< the engine answered an error
  std::atomic<uint64_t> shed_queue{0};     ///< refused: no place
  std::atomic<uint64_t> shed_deadline{0};  ///< refused: the predicted wait is too long
  std::atomic<uint64_t> shed_shutdown{0};  ///< refused: draining
  std::atomic<uint64_t> expired{0};        ///< accepted, but the deadline came first
  std::atomic<uint64_t> cancelled{0};      ///< accepted, but the client left
  std::atomic<uint64_t> released{0};       ///< accepted, but never submitted (a bad image)
  std::atomic<uint64_t> batches{0};
  std::atomic<uint64_t> padding{0};  ///< rows computed for nobody

  /// Batches by their number of requests; the last element holds everything larger.
  std::array<std::atomic<uint64_t>, 65> batch_sizes{};

  std::array<std::atomic<uint64_t>, kQueueTimeBounds.size() + 1> queue_times{};
  std::atomic<uint64_t> queue_time_us{0};      ///< sum over `answered` and `failed`
  std::atomic<uint64_t> inference_time_us{0};  ///< sum over `batches`

  void record_batch(size_t requests, size_t bucket, double inference_ms);
  void record_queue_time(double milliseconds);
};

}  // namespace beralih
