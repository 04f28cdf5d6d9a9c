#include "bundle/tar_header.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace beralih {
namespace {

struct Field {
  size_t at;
  size_t size;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kUser{108, 8};
constexpr Field kGroup{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kTime{136, 12};
constexpr Field kChecksum{148, 8};
constexpr size_t kType = 156;
constexpr Field kMagic{257, 8};  // with the version
constexpr Field kDeviceMajor{329, 8};
constexpr Field kDeviceMinor{337, 8};
constexpr Field kPrefix{345, 155};
constexpr std::string_view kUstar("ustar\00000", 8);
constexpr int64_t kMostOctal = (int64_t{1} << 33) - 1;  // 11 digits
constexpr int64_t kFileMode = 0644;

void put(TarBlock& block, Field field, std::string_view text) {
  std::copy_n(text.begin(), std::min(text.size(), field.size), block.begin() + field.at);
}

void put_octal(TarBlock& block, Field field, int64_t value) {
  for (size_t i = field.size - 1; i-- > 0; value >>= 3)
    block[field.at + i] = static_cast<uint8_t>('0' + (value & 7));
}

std::string_view text_of(const TarBlock& block, Field field) {
  const char* begin = reinterpret_cast<const char*>(block.data() + field.at);
  return {begin, ::strnlen(begin, field.size)};
}

std::optional<int64_t> octal(const TarBlock& block, Field field) {
  std::string_view text = text_of(block, field);
  while (text.ends_with(' ')) text.remove_suffix(1);
  int64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size() || value < 0)
    return std::nullopt;
  return value;
}

/// The sum of the bytes, those of the checksum itself counted as spaces.
int64_t checksum(const TarBlock& block) {
  int64_t sum = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    const bool own = i >= kChecksum.at && i < kChecksum.at + kChecksum.size;
    sum += own ? ' ' : block[i];
  }
  return sum;
}

}  // namespace

bool fits_tar_size(int64_t bytes) { return bytes <= kMostOctal; }

std::optional<TarBlock> format_tar_header(const TarHeader& header) {
  TarBlock block{};
  std::string_view name = header.path;
  if (name.size() > kName.size) {
    // The first '/' that leaves a short enough name.
    const size_t slash = name.find('/', name.size() - kName.size - 1);
    if (slash == std::string_view::npos || slash > kPrefix.size) return std::nullopt;
    put(block, kPrefix, name.substr(0, slash));
    name.remove_prefix(slash + 1);
  }
  put(block, kName, name);
  put_octal(block, kMode, kFileMode);
  put_octal(block, kUser, 0);
  put_octal(block, kGroup, 0);
  put_octal(block, kSize, fits_tar_size(header.bytes) ? header.bytes : 0);
  put_octal(block, kTime, 0);
  block[kType] = static_cast<uint8_t>(header.type);
  put(block, kMagic, kUstar);
  put_octal(block, kDeviceMajor, 0);
  put_octal(block, kDeviceMinor, 0);
  // Six digits, NUL, space, as every tar writes it.
  put_octal(block, {kChecksum.at, kChecksum.size - 1}, checksum(block));
  block[kChecksum.at + kChecksum.size - 1] = ' ';
  return block;
}

std::optional<TarHeader> parse_tar_header(const TarBlock& block) {
  if (std::memcmp(block.data() + kMagic.at, kUstar.data(), kMagic.size) != 0) return std::nullopt;
  const auto stated = octal(block, {kChecksum.at, kChecksum.size - 1});
  const auto size = octal(block, kSize);
  if (!stated || *stated != checksum(block) || !size) return std::nullopt;
  TarHeader header;
  const std::string_view prefix = text_of(block, kPrefix);
  header.path = std::string(prefix) + (prefix.empty() ? "" : "/");
  header.path += text_of(block, kName);
  header.bytes = *size;
  header.type = static_cast<char>(block[kType]);
  return header;
}

std::string format_pax_size(int64_t bytes) {
  // The length counts its own digits.
  const std::string rest = " size=" + std::to_string(bytes) + "\n";
  size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length) ++length;
  return std::to_string(length) + rest;
}

std::optional<int64_t> parse_pax_size(std::string_view records) {
  const size_t equals = records.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  int64_t bytes = 0;
  std::from_chars(records.data() + equals + 1, records.data() + records.size(), bytes);
  // What was written is taken, in one spelling.
  if (bytes < 0 || format_pax_size(bytes) != records) return std::nullopt;
  return bytes;
}

}  // namespace beralih
