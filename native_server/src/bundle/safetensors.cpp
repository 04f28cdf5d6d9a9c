#include "bundle/safetensors.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace beralih {
namespace {

using Json = nlohmann::json;

// The reference implementation's own limit.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr size_t kLengthBytes = 8;
constexpr size_t kMaxDimensions = 16;

constexpr std::array<std::pair<std::string_view, size_t>, 12> kElementSizes{
    {
     {"BOOL", 1},
     {"U8", 1},
     {"I8", 1},
     {"U16", 2},
     {"I16", 2},
     {"F16", 2},
     {"BF16", 2},
     {"I32", 4},
     {"U32", 4},
     {"F32", 4},
     {"F64", 8},
     {"I64", 8},
     }
};

class Parser {
 public:
  Parser(std::span<const uint8_t> file, std::string_view file_name)
      : file_(file), file_name_(file_name) {}

  Result<std::vector<SafetensorsEntry>> parse();

 private:
  Error error(const std::string& what) const {
    return Error{ErrorCode::kInvalidBundle, std::string(file_name_) + ": " + what};
  }
  Error tensor_error(const std::string& name, const std::string& what) const {
    return error("tensor \"" + name + "\": " + what);
  }
  Result<SafetensorsEntry> entry(const std::string& name, const Json& value) const;
  Status check_cover(const std::vector<SafetensorsEntry>& sorted) const;

  std::span<const uint8_t> file_;
  std::string_view file_name_;
  size_t data_start_ = 0;
};

Result<SafetensorsEntry> Parser::entry(const std::string& name, const Json& value) const {
  if (!value.is_object()) return tensor_error(name, "its header entry is not an object");
  const auto dtype = value.find("dtype");
  const auto shape = value.find("shape");
  const auto offsets = value.find("data_offsets");
  if (dtype == value.end() || !dtype->is_string() || shape == value.end() || !shape->is_array() ||
      offsets == value.end() || !offsets->is_array()) {
    return tensor_error(name, "its header entry lacks dtype, shape or data_offsets");
  }

  SafetensorsEntry out;
  out.name = name;
  out.dtype = dtype->get<std::string>();
  const uint64_t element_size = safetensors_element_size(out.dtype);
  if (element_size == 0) return tensor_error(name, "unknown dtype \"" + out.dtype + "\"");

  uint64_t bytes = element_size;
  if (shape->size() > kMaxDimensions) return tensor_error(name, "too many dimensions");
  for (const Json& dimension : *shape) {
    if (!dimension.is_number_unsigned())
      return tensor_error(name, "a dimension is not a whole number of 0 or more");
    const auto extent = dimension.get<uint64_t>();
    if (extent > static_cast<uint64_t>(INT64_MAX) ||
        __builtin_mul_overflow(bytes, extent, &bytes)) {
      return tensor_error(name, "the shape's product overflows");
    }
    out.shape.push_back(static_cast<int64_t>(extent));
  }

  if (offsets->size() != 2 || !(*offsets)[0].is_number_unsigned() ||
      !(*offsets)[1].is_number_unsigned()) {
    return tensor_error(name, "data_offsets must be two whole numbers");
  }
  const auto begin = (*offsets)[0].get<uint64_t>();
  const auto end = (*offsets)[1].get<uint64_t>();
  const uint64_t room = file_.size() - data_start_;
  if (begin > end || end > room) {
    return tensor_error(name, "data_offsets [" + std::to_string(begin) + ", " +
                                  std::to_string(end) + "] lie outside the file's " +
                                  std::to_string(room) + " data bytes");
  }
  if (end - begin != bytes) {
    return tensor_error(name, "its shape and dtype need " + std::to_string(bytes) +
                                  " bytes, data_offsets give " + std::to_string(end - begin));
  }
  out.bytes = file_.subspan(data_start_ + begin, bytes);
  // The mapping starts at a page: the offset in the file decides.
  if ((data_start_ + begin) % element_size != 0) {
    return tensor_error(name,
                        "its data is not aligned to " + std::to_string(element_size) + " bytes");
  }
  return out;
}

Status Parser::check_cover(const std::vector<SafetensorsEntry>& sorted) const {
  const uint8_t* expected = file_.data() + data_start_;
  for (const SafetensorsEntry& item : sorted) {
    if (item.bytes.data() < expected)
      return tensor_error(item.name, "its data overlaps another tensor's");
    if (item.bytes.data() > expected)
      return tensor_error(item.name, "there is a hole in the data before it");
    expected += item.bytes.size();
  }
  if (expected != file_.data() + file_.size())
    return error("there are bytes behind the last tensor");
  return Ok{};
}

Result<std::vector<SafetensorsEntry>> Parser::parse() {
  if (file_.size() < kLengthBytes)
    return error("shorter than the 8 bytes of a safetensors header length");
  uint64_t header_length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i)
    header_length |= static_cast<uint64_t>(file_[i]) << (8 * i);
  if (header_length > kMaxHeaderBytes || header_length > file_.size() - kLengthBytes) {
    return error("the header length " + std::to_string(header_length) + " does not fit the file");
  }
  data_start_ = kLengthBytes + header_length;

  const auto text = file_.subspan(kLengthBytes, header_length);
  std::vector<std::string> seen;
  const Json header = Json::parse(
      text.begin(), text.end(),
      [&](int depth, Json::parse_event_t event, Json& parsed) {
        if (depth == 1 && event == Json::parse_event_t::key)
          seen.push_back(parsed.get<std::string>());
        return true;
      },
      /*allow_exceptions=*/false);
  if (header.is_discarded() || !header.is_object()) return error("the header is not a JSON object");
  std::sort(seen.begin(), seen.end());
  const auto repeated = std::adjacent_find(seen.begin(), seen.end());
  if (repeated != seen.end()) return tensor_error(*repeated, "the header names it twice");

  std::vector<SafetensorsEntry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") continue;
    auto parsed = entry(name, value);
    if (!parsed) return parsed.error();
    entries.push_back(*std::move(parsed));
  }
  std::sort(entries.begin(), entries.end(),
            [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
              return std::pair(a.bytes.data(), a.bytes.size()) <
                     std::pair(b.bytes.data(), b.bytes.size());
            });
  if (auto covered = check_cover(entries); !covered) return covered.error();
  return entries;
}

}  // namespace

size_t safetensors_element_size(std::string_view dtype) {
  for (const auto& [name, size] : kElementSizes) {
    if (name == dtype) return size;
  }
  return 0;
}

Result<std::vector<SafetensorsEntry>> parse_safetensors(std::span<const uint8_t> file,
                                                        std::string_view file_name) {
  return Parser(file, file_name).parse();
}

}  // namespace beralih
