// This program and its process.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace beralih {

/// Milliseconds since this program began. The age of the process would tell something else: a
/// script that ends in `exec` hands its own process, and its age, to the program.
double program_age_ms();

/// When this program began; the same at every call.
std::chrono::system_clock::time_point program_started_at();

struct ProcessMemory {
  int64_t rss_bytes = 0;        ///< resident: anonymous, and pages of mapped files
  int64_t anonymous_bytes = 0;  ///< the part that only this process holds: heap, stacks
};

/// Lets glibc share a few memory pools between all threads: two for each processor, instead of
/// eight. A server's many threads otherwise keep a part of every pool each: after minutes of mixed
/// requests a quarter more memory. Also sets from which size on memory is mapped by itself, and how
/// much a pool keeps that is free. To be called before the first thread; an environment with
/// MALLOC_ARENA_MAX has decided already.
void share_memory_pools();

/// Gives the kernel back what glibc keeps of freed memory. Takes milliseconds: for the end of
/// something that used much, such as loading a model.
void return_free_memory();

/// From /proc/self/status; zeros where the kernel does not tell.
ProcessMemory process_memory();

struct ProcessUsage {
  double cpu_seconds = 0;  ///< user and system
  int64_t virtual_bytes = 0;
  int64_t open_fds = 0;
  int64_t max_fds = 0;
};

ProcessUsage process_usage();

/// RFC 3339 in UTC with milliseconds.
std::string rfc3339(std::chrono::system_clock::time_point time);

}  // namespace beralih
