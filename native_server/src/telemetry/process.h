// This process as the kernel sees it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace beralih {

/// Milliseconds since the kernel started this process: dynamic linking is part of a start.
double process_age_ms();

/// When the kernel started this process; the same at every call.
std::chrono::system_clock::time_point process_started_at();

struct ProcessMemory {
  int64_t rss_bytes = 0;        ///< resident: anonymous, and pages of mapped files
  int64_t anonymous_bytes = 0;  ///< the part that only this process holds: heap, stacks
};

/// From /proc/self/status; zeros where the kernel does not tell.
ProcessMemory process_memory();

/// RFC 3339 in UTC with milliseconds.
std::string rfc3339(std::chrono::system_clock::time_point time);

}  // namespace beralih
