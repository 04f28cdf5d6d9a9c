#include "loadtest/arrivals.h"

#include <cmath>
#include <random>

namespace beralih {

std::vector<Arrival> poisson_arrivals(double rate, std::chrono::nanoseconds duration, size_t images,
                                      uint64_t seed) {
  // The standard fixes this engine's numbers but not its distributions', hence none of them here.
  std::mt19937_64 random(seed);
  constexpr double kNanoseconds = 1e9;
  std::vector<Arrival> arrivals;
  double at = 0;
  for (;;) {
    const double uniform = std::ldexp(static_cast<double>(random() >> 11), -53);
    at += -std::log1p(-uniform) / rate * kNanoseconds;
    if (at >= static_cast<double>(duration.count())) return arrivals;
    arrivals.push_back({std::chrono::nanoseconds(static_cast<int64_t>(at)), random() % images});
  }
}

}  // namespace beralih
