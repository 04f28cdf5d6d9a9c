// Wall-clock time of a stage.
#pragma once

#include <chrono>

namespace beralih {

class Stopwatch {
 public:
  /// Milliseconds since construction or the last call.
  double lap_ms() {
    const auto now = Clock::now();
    const double ms = std::chrono::duration<double, std::milli>(now - start_).count();
    start_ = now;
    return ms;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace beralih
