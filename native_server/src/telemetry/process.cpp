#include "telemetry/process.h"

#include <malloc.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>

namespace beralih {

namespace {

// Initialised with the other globals, immediately before main().
const auto steady_start = std::chrono::steady_clock::now();
const auto system_start = std::chrono::system_clock::now();

}  // namespace

double program_age_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - steady_start)
      .count();
}

std::chrono::system_clock::time_point program_started_at() { return system_start; }

void share_memory_pools() {
#ifdef __GLIBC__
  if (std::getenv("MALLOC_ARENA_MAX") != nullptr) return;
  mallopt(M_ARENA_MAX, static_cast<int>(2 * std::max(1U, std::thread::hardware_concurrency())));
  // glibc gives what lies free at a pool's end back to the kernel from 128 KiB on, and fetches it
  // anew for the next tensor: this much stays. And what is larger than any tensor of an image, as
  // weights and what is needed while they are transformed, is mapped by itself, so that it leaves
  // no holes (50 MB of them otherwise).
  mallopt(M_TRIM_THRESHOLD, 4 << 20);
  mallopt(M_MMAP_THRESHOLD, 8 << 20);
#endif
}

void return_free_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

ProcessMemory process_memory() {
  struct Line {
    std::string_view name;
    int64_t ProcessMemory::*value;
  };
  constexpr Line kLines[] = {
      {"VmRSS:",   &ProcessMemory::rss_bytes      },
      {"RssAnon:", &ProcessMemory::anonymous_bytes},
  };
  ProcessMemory memory;
  std::ifstream file("/proc/self/status");
  for (std::string text; std::getline(file, text);) {
    for (const Line& line : kLines) {
      if (!text.starts_with(line.name)) continue;
      std::istringstream fields(text.substr(line.name.size()));
      int64_t kibibytes = 0;
      if (fields >> kibibytes) memory.*line.value = kibibytes * 1024;
    }
  }
  return memory;
}

ProcessUsage process_usage() {
  ProcessUsage usage;
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  usage.cpu_seconds = seconds(used.ru_utime) + seconds(used.ru_stime);
  int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  usage.virtual_bytes = pages * ::sysconf(_SC_PAGESIZE);
  std::error_code ignored;
  for (auto entry = std::filesystem::directory_iterator("/proc/self/fd", ignored);
       entry != std::filesystem::directory_iterator(); entry.increment(ignored)) {
    ++usage.open_fds;
  }
  --usage.open_fds;  // the one that listed them
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  usage.max_fds = static_cast<int64_t>(limit.rlim_cur);
  return usage;
}

std::string rfc3339(std::chrono::system_clock::time_point time) {
  const auto milliseconds =
      std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
  const auto seconds = static_cast<time_t>(milliseconds / 1000);
  tm utc{};
  ::gmtime_r(&seconds, &utc);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
  char text[48];
  std::snprintf(text, sizeof text, "%s.%03dZ", date, static_cast<int>(milliseconds % 1000));
  return text;
}

}  // namespace beralih
