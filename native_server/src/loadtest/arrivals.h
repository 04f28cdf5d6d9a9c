// When an open-loop load sends: independent users, so a Poisson process that waits for no answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace beralih {

struct Arrival {
  std::chrono::nanoseconds at{0};  ///< after the start
  size_t image = 0;                ///< which of the images is sent
};

/// Exponential gaps of mean 1/rate until `duration`; the same seed gives the same schedule.
std::vector<Arrival> poisson_arrivals(double rate, std::chrono::nanoseconds duration, size_t images,
                                      uint64_t seed);

}  // namespace beralih
