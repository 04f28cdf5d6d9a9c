// How far a long command is: a line on a terminal that rewrites itself, plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "bundle/byte_progress.h"

namespace beralih {

/// Silent for the first second. While it lives, SIGINT and SIGTERM ask the work to stop instead of
/// ending the process, so that nothing half-written stays behind.
class ProgressLine {
 public:
  /// `what` as in "hashing"; `total` in bytes.
  ProgressLine(std::string what, int64_t total);
  /// Clears the line.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Thread-safe; valid while this object lives.
  ByteProgress callback();
  /// The same for work that is counted in golden cases, which begins with the first call.
  ByteProgress golden_cases();

 private:
  using Clock = std::chrono::steady_clock;

  void print(Clock::time_point now);

  std::string what_;
  int64_t total_;
  bool counting_cases_ = false;
  bool terminal_;
  std::mutex mutex_;
  int64_t done_ = 0;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_print_;
  bool printed_ = false;
};

/// "1.04 GB", "22 kB".
std::string readable_bytes(int64_t bytes);

}  // namespace beralih
