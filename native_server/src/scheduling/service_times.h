// How long the engine takes for a batch of each warmed size, and what follows from that: which size
// to use next, and how long a newcomer would wait. No threads, no clock.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

namespace beralih {

class ServiceTimes {
 public:
  /// A batch size becomes usable, with a first measurement.
  void add_bucket(size_t size, double milliseconds);

  /// The bucket and all larger ones are not to be used any more; the smallest always stays.
  void remove_from(size_t size);

  /// Another measurement of a bucket.
  void record(size_t size, double milliseconds);

  /// Ascending. Never empty once the first bucket is there.
  std::vector<size_t> buckets() const;
  size_t largest() const;

  /// The bucket that answers the most of `waiting` requests per millisecond; they are padded up to
  /// it, or split if there are more. Needs a bucket and at least one request.
  size_t choose(size_t waiting) const;

  /// The bucket of a long queue.
  size_t saturated() const { return choose(largest()); }

  double expected_ms(size_t bucket) const;
  /// What nearly all batches of that size stay below.
  double cautious_ms(size_t bucket) const;

  /// From the moment the engine is free until `ahead` requests and one more are answered. Later
  /// arrivals may join the last batch, so behind others it counts as a large one.
  double completion_ms(size_t ahead, bool engine_busy) const;

  /// How a prediction turned out: what was predicted at admission, and what it took.
  void record_prediction(double predicted_ms, double actual_ms);
  /// What a prediction is to be multiplied with so that nearly all answers come before it; >= 1. It
  /// follows what single batches do not show: batches that are slow together, other work on the
  /// processor.
  double caution() const;

 private:
  struct Estimate {
    double mean = 0;
    double deviation = 0;
  };
  std::map<size_t, Estimate> estimates_;
  Estimate lateness_;  ///< as a part of what was predicted
};

}  // namespace beralih
