#include "telemetry/process.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>

namespace beralih {

double process_age_ms() {
  std::ifstream file("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  constexpr int kFieldsBeforeStart = 19;  // proc(5): starttime is field 22, the name is field 2
  for (int i = 0; i < kFieldsBeforeStart; ++i) fields >> skipped;
  double ticks = 0;
  timespec now{};
  if (!(fields >> ticks) || ::clock_gettime(CLOCK_BOOTTIME, &now) != 0) return 0;
  const double started = ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return std::max(
      0.0,
      (static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9 - started) * 1000);
}

std::chrono::system_clock::time_point process_started_at() {
  using std::chrono::system_clock;
  static const auto started =
      system_clock::now() - std::chrono::duration_cast<system_clock::duration>(
                                std::chrono::duration<double, std::milli>(process_age_ms()));
  return started;
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
