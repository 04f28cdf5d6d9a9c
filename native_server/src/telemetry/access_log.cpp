#include "telemetry/access_log.h"

#include <unistd.h>

#include <array>
#include <cstdio>

#include "telemetry/process.h"

namespace beralih {
namespace {

constexpr size_t kMaxFieldBytes = 200;

std::string escape(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text.substr(0, kMaxFieldBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  if (text.size() > kMaxFieldBytes) out += "...";
  return out.empty() ? "-" : out;
}

/// What escape() returns needs no further quoting.
std::string format_json(const AccessRecord& record) {
  std::array<char, 160> numbers{};
  std::snprintf(numbers.data(), numbers.size(),
                R"(,"status":%d,"ms":%.2f,"bytes_in":%zu,"bytes_out":%zu)", record.status,
                record.milliseconds, record.request_bytes, record.response_bytes);
  std::string line = R"({"ts":")" + rfc3339(record.time) + R"(","method":")" +
                     escape(record.method) + R"(","path":")" + escape(record.path) + '"' +
                     numbers.data() + R"(,"id":")" + escape(record.request_id) + '"';
  if (!record.trace_id.empty()) line += R"(,"trace":")" + escape(record.trace_id) + '"';
  if (!record.problem.empty()) line += R"(,"problem":")" + escape(record.problem) + '"';
  if (!record.key.empty()) line += R"(,"key":")" + escape(record.key) + '"';
  return line + "}\n";
}

}  // namespace

std::string format_access(const AccessRecord& record, LogFormat format) {
  if (format == LogFormat::kJsonLines) return format_json(record);
  std::array<char, 160> numbers{};
  std::snprintf(numbers.data(), numbers.size(), " status=%d ms=%.2f bytes_in=%zu bytes_out=%zu",
                record.status, record.milliseconds, record.request_bytes, record.response_bytes);
  const std::string problem = record.problem.empty() ? "" : " problem=" + escape(record.problem);
  const std::string key = record.key.empty() ? "" : " key=" + escape(record.key);
  const std::string trace = record.trace_id.empty() ? "" : " trace=" + escape(record.trace_id);
  return "ts=" + rfc3339(record.time) + " method=" + escape(record.method) +
         " path=" + escape(record.path) + numbers.data() + " id=" + escape(record.request_id) +
         trace + key + problem + "\n";
}

void write_log_line(std::string_view line) {
  // A log that cannot be written must not stop the service.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace beralih
