#include "loadtest/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

namespace beralih {
namespace {

// Values below 2 * kHalf have a bucket each; above, every power of two is cut into kHalf.
constexpr int kHalfBits = 10;
constexpr uint64_t kHalf = uint64_t{1} << kHalfBits;
constexpr int kLargestShift = 63 - 1 - kHalfBits;
constexpr size_t kBuckets = (kLargestShift + 2) * kHalf;

size_t bucket_of(int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  const int shift = std::max(0, static_cast<int>(std::bit_width(bits)) - 1 - kHalfBits);
  return static_cast<size_t>(shift) * kHalf + (bits >> shift);
}

int64_t largest_value_in(size_t bucket) {
  const size_t shift = bucket < 2 * kHalf ? 0 : bucket / kHalf - 1;
  const uint64_t mantissa = bucket - shift * kHalf;
  return static_cast<int64_t>(((mantissa + 1) << shift) - 1);
}

}  // namespace

Histogram::Histogram() : buckets_(kBuckets) {}

void Histogram::record(int64_t value) {
  value = std::max<int64_t>(0, value);
  ++buckets_[bucket_of(value)];
  min_ = count_ ? std::min(min_, value) : value;
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value);
  ++count_;
}

void Histogram::merge(const Histogram& other) {
  if (other.count_ == 0) return;
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  min_ = count_ ? std::min(min_, other.min_) : other.min_;
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
  count_ += other.count_;
}

double Histogram::mean() const { return count_ ? sum_ / static_cast<double>(count_) : 0; }

int64_t Histogram::value_at_rank(uint64_t rank) const {
  if (count_ == 0) return 0;
  rank = std::clamp<uint64_t>(rank, 1, count_);
  uint64_t seen = 0;
  size_t bucket = 0;
  while ((seen += buckets_[bucket]) < rank) ++bucket;
  return std::min(largest_value_in(bucket), max_);
}

int64_t Histogram::percentile(double percentile) const {
  const double rank = std::ceil(percentile / 100 * static_cast<double>(count_) - 1e-9);
  return value_at_rank(static_cast<uint64_t>(std::max(1.0, rank)));
}

}  // namespace beralih
