// Scope guards of a request on its way through the classifier.
#pragma once

#include <atomic>
#include <cstddef>

namespace beralih {

/// Counts a request from its arrival to its answer.
class InFlight {
 public:
  explicit InFlight(std::atomic<size_t>& count) : count_(count), position_(count.fetch_add(1)) {}
  ~InFlight() { count_.fetch_sub(1); }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  size_t others_before() const { return position_; }

 private:
  std::atomic<size_t>& count_;
  size_t position_;
};

}  // namespace beralih
