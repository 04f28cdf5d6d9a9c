#include "scheduling/service_times.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace beralih {
namespace {

constexpr double kWeight = 0.2;  ///< of a new measurement in the moving averages
constexpr double kDeviations = 2;
/// 99 of 100 of what is normally distributed lie below the mean and 2.9 mean absolute deviations.
constexpr double kLatenessDeviations = 3;
constexpr double kLatenessWeight = 0.1;
constexpr double kMostLateness = 1;  ///< a pause of the whole machine says nothing about the next
/// A smaller bucket must answer that much more per millisecond: the averages are noisy, and a
/// larger batch shortens the queue more surely.
constexpr double kClearlyBetter = 1.05;
constexpr double kLeastMs = 1e-3;  ///< of an engine too quick for the clock

}  // namespace

void ServiceTimes::add_bucket(size_t size, double milliseconds) {
  estimates_[size] = {std::max(milliseconds, 0.0), 0};
}

void ServiceTimes::remove_from(size_t size) {
  while (estimates_.size() > 1 && estimates_.rbegin()->first >= size)
    estimates_.erase(std::prev(estimates_.end()));
}

void ServiceTimes::record(size_t size, double milliseconds) {
  const auto found = estimates_.find(size);
  if (found == estimates_.end()) return;
  Estimate& estimate = found->second;
  if (estimate.mean == 0) {
    estimate.mean = milliseconds;
    return;
  }
  const double error = milliseconds - estimate.mean;
  estimate.mean += kWeight * error;
  estimate.deviation += kWeight * (std::abs(error) - estimate.deviation);
}

std::vector<size_t> ServiceTimes::buckets() const {
  std::vector<size_t> sizes;
  for (const auto& [size, estimate] : estimates_) sizes.push_back(size);
  return sizes;
}

size_t ServiceTimes::largest() const { return estimates_.rbegin()->first; }

size_t ServiceTimes::choose(size_t waiting) const {
  // Nothing is padded further than to the next bucket: a lucky measurement of a larger one must not
  // change the shape, and with it the last bits, of the answer to a request that came alone.
  auto it = estimates_.lower_bound(waiting);
  if (it == estimates_.end()) --it;
  size_t best = 0;
  double best_rate = 0;
  for (;; --it) {
    const auto answered = static_cast<double>(std::min(it->first, waiting));
    const double rate = answered / std::max(it->second.mean, kLeastMs);
    if (best == 0 || rate > best_rate * kClearlyBetter) {
      best = it->first;
      best_rate = rate;
    }
    if (it == estimates_.begin()) return best;
  }
}

double ServiceTimes::expected_ms(size_t bucket) const { return estimates_.at(bucket).mean; }

double ServiceTimes::cautious_ms(size_t bucket) const {
  const Estimate& estimate = estimates_.at(bucket);
  return estimate.mean + kDeviations * estimate.deviation;
}

double ServiceTimes::completion_ms(size_t ahead, bool engine_busy) const {
  if (ahead == 0 && !engine_busy) return cautious_ms(choose(1));
  const size_t bucket = saturated();
  return static_cast<double>(ahead / bucket) * expected_ms(bucket) + cautious_ms(bucket);
}

void ServiceTimes::record_prediction(double predicted_ms, double actual_ms) {
  const double predicted = std::max(predicted_ms, kLeastMs);
  const double lateness = std::min((actual_ms - predicted) / predicted, kMostLateness);
  const double error = lateness - lateness_.mean;
  lateness_.mean += kLatenessWeight * error;
  lateness_.deviation += kLatenessWeight * (std::abs(error) - lateness_.deviation);
}

double ServiceTimes::caution() const {
  return 1 + std::max(0.0, lateness_.mean + kLatenessDeviations * lateness_.deviation);
}

}  // namespace beralih
