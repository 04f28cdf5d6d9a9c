// One line per request on stderr. Never the content of an image.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace beralih {

enum class LogFormat { kText, kJsonLines };

struct AccessRecord {
  std::chrono::system_clock::time_point time;
  std::string_view method;
  std::string_view path;
  int status = 0;
  double milliseconds = 0;
  size_t request_bytes = 0;
  size_t response_bytes = 0;
  std::string_view request_id;
  std::string_view trace_id;  ///< of the client's traceparent; empty: none
  std::string_view problem;   ///< the code of the problem that was answered; empty: none
  std::string_view key = {};  ///< the name of the caller's API key; empty: none
};

/// The line with its newline. What came from the client cannot break out of it: control characters,
/// spaces and non-ASCII bytes are percent-encoded (in both formats), long paths shortened.
std::string format_access(const AccessRecord& record, LogFormat format = LogFormat::kText);

/// One write, so that lines of several threads do not mix.
void write_log_line(std::string_view line);

}  // namespace beralih
