// Latencies by logarithmic buckets, as HdrHistogram has them: constant memory, known precision.
#pragma once

#include <cstdint>
#include <vector>

namespace beralih {

/// Not thread-safe: one for each thread, merged at the end.
class Histogram {
 public:
  /// A bucket is never wider than this share of its values.
  static constexpr double kPrecision = 1.0 / 1024;

  Histogram();

  /// Negative values count as 0.
  void record(int64_t value);
  void merge(const Histogram& other);

  uint64_t count() const { return count_; }
  int64_t min() const { return count_ ? min_ : 0; }
  int64_t max() const { return count_ ? max_ : 0; }
  double mean() const;

  /// The value that `rank` of all values (1-based, ascending) do not exceed, rounded up by at most
  /// kPrecision; 0 where nothing was recorded.
  int64_t value_at_rank(uint64_t rank) const;
  /// `percentile` from 0 to 100; the nearest-rank definition.
  int64_t percentile(double percentile) const;

 private:
  std::vector<uint64_t> buckets_;
  uint64_t count_ = 0;
  int64_t min_ = 0;
  int64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace beralih
