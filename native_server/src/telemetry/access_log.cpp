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

}  // namespace

std::string format_access(const AccessRecord& record) {
  std::array<char, 160> numbers{};
  std::snprintf(numbers.data(), numbers.size(), " status=%d ms=%.2f bytes_in=%zu bytes_out=%zu",
                record.status, record.milliseconds, record.request_bytes, record.response_bytes);
  const std::string problem = record.problem.empty() ? "" : " problem=" + escape(record.problem);
  return "ts=" + rfc3339(record.time) + " method=" + escape(record.method) +
         " path=" + escape(record.path) + numbers.data() + " id=" + escape(record.request_id) +
         problem + "\n";
}

void write_log_line(std::string_view line) {
  // A log that cannot be written must not stop the service.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace beralih
