#include "codecs/exif.h"

#include <cstring>

namespace beralih::codecs {

namespace {

constexpr size_t kHeaderBytes = 8;
constexpr size_t kEntryBytes = 12;

constexpr uint32_t kByte = 1, kAscii = 2, kShort = 3, kLong = 4, kRational = 5, kSignedByte = 6,
                   kUndefined = 7, kSignedShort = 8, kSignedLong = 9, kSignedRational = 10,
                   kFloat = 11, kDouble = 12, kIfd = 13, kLong8 = 16;

constexpr uint32_t kOrientation = 0x0112, kXResolution = 0x011A, kResolutionUnit = 0x0128;
constexpr uint32_t kImageCount = 0xB001, kImageEntries = 0xB002;

/// Bytes of one value; 0 for types that Pillow skips.
size_t type_size(uint32_t type) {
  switch (type) {
    case kByte:
    case kAscii:
    case kSignedByte:
    case kUndefined: return 1;
    case kShort:
    case kSignedShort: return 2;
    case kLong:
    case kSignedLong:
    case kFloat:
    case kIfd: return 4;
    case kRational:
    case kSignedRational:
    case kDouble:
    case kLong8: return 8;
    default: return 0;
  }
}

bool is_integer(uint32_t type) {
  return type == kShort || type == kLong || type == kSignedByte || type == kSignedShort ||
         type == kSignedLong || type == kIfd || type == kLong8;
}

bool starts_with(std::span<const uint8_t> bytes, const char (&magic)[5]) {
  return bytes.size() >= 4 && std::memcmp(bytes.data(), magic, 4) == 0;
}

/// std::bit_cast, which Emscripten's library lacks.
template <typename To, typename From>
To as(From bits) {
  static_assert(sizeof(To) == sizeof(From));
  To value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// A block's first directory.
class Directory {
 public:
  struct Value {
    uint32_t type;
    std::span<const uint8_t> data;  ///< at least one byte
  };

  /// `tiff` must be readable.
  explicit Directory(std::span<const uint8_t> tiff) : tiff_(tiff), little_endian_(tiff[0] == 'I') {}

  /// A later entry wins, as in a dict.
  std::optional<Value> find(uint32_t tag) const {
    std::optional<Value> found;
    const size_t start = u32(tiff_, 4);
    if (!has(start, 2)) return found;
    const uint32_t entries = u16(tiff_, start);
    for (uint32_t i = 0; i < entries; ++i) {
      const size_t entry = start + 2 + i * kEntryBytes;
      if (!has(entry, kEntryBytes)) break;  // Pillow keeps what it has read
      const uint32_t type = u16(tiff_, entry + 2);
      const uint64_t size = uint64_t{u32(tiff_, entry + 4)} * type_size(type);
      if (size == 0) continue;
      const size_t at = size <= 4 ? entry + 8 : u32(tiff_, entry + 8);
      if (size > tiff_.size() || !has(at, static_cast<size_t>(size))) break;
      if (u16(tiff_, entry) == tag) found = {type, tiff_.subspan(at, static_cast<size_t>(size))};
    }
    return found;
  }

  uint32_t u16(std::span<const uint8_t> bytes, size_t at) const {
    const uint32_t a = bytes[at], b = bytes[at + 1];
    return little_endian_ ? a | b << 8 : a << 8 | b;
  }
  uint32_t u32(std::span<const uint8_t> bytes, size_t at) const {
    const uint32_t a = u16(bytes, at), b = u16(bytes, at + 2);
    return little_endian_ ? a | b << 16 : a << 16 | b;
  }
  uint64_t u64(std::span<const uint8_t> bytes, size_t at) const {
    const uint64_t a = u32(bytes, at), b = u32(bytes, at + 4);
    return little_endian_ ? a | b << 32 : a << 32 | b;
  }

  /// The first number of `value` as Python compares it with an int; 0 where it is none.
  double number(const Value& value) const {
    const auto& data = value.data;
    switch (value.type) {
      case kShort: return u16(data, 0);
      case kLong:
      case kIfd: return u32(data, 0);
      case kSignedByte: return static_cast<int8_t>(data[0]);
      case kSignedShort: return static_cast<int16_t>(u16(data, 0));
      case kSignedLong: return static_cast<int32_t>(u32(data, 0));
      case kRational: return quotient(u32(data, 0), u32(data, 4));
      case kSignedRational:
        return quotient(static_cast<int32_t>(u32(data, 0)), static_cast<int32_t>(u32(data, 4)));
      case kFloat: return as<float>(u32(data, 0));
      case kDouble: return as<double>(u64(data, 0));
      case kLong8: return static_cast<double>(u64(data, 0));
      default: return 0;  // bytes and text equal no number
    }
  }

 private:
  static double quotient(double numerator, double denominator) {
    return denominator == 0 ? 0 : numerator / denominator;
  }
  bool has(size_t offset, size_t count) const {
    return offset <= tiff_.size() && count <= tiff_.size() - offset;
  }

  std::span<const uint8_t> tiff_;
  bool little_endian_;
};

std::span<const uint8_t> without_prefix(std::span<const uint8_t> exif) {
  const bool prefixed = exif.size() >= 6 && std::memcmp(exif.data(), "Exif\0\0", 6) == 0;
  return prefixed ? exif.subspan(6) : exif;
}

}  // namespace

TiffHeader tiff_header(std::span<const uint8_t> exif) {
  exif = without_prefix(exif);
  if (exif.empty()) return TiffHeader::kEmpty;
  // Pillow 9.4 looks for BigTIFF's 43 in the third byte alone, so it reads "MM\0+" as plain TIFF,
  // and it has no more than eight bytes of a block's header at hand, too few for "II+\0".
  if (starts_with(exif, "II+\0")) return TiffHeader::kShort;
  const bool known = starts_with(exif, "MM\0*") || starts_with(exif, "II*\0") ||
                     starts_with(exif, "MM*\0") || starts_with(exif, "II\0*") ||
                     starts_with(exif, "MM\0+");
  if (!known) return TiffHeader::kUnknown;
  return exif.size() < kHeaderBytes ? TiffHeader::kShort : TiffHeader::kReadable;
}

bool is_readable(std::span<const uint8_t> exif) {
  const TiffHeader header = tiff_header(exif);
  return header == TiffHeader::kReadable || header == TiffHeader::kEmpty;
}

std::optional<int> tiff_orientation(std::span<const uint8_t> exif) {
  if (tiff_header(exif) != TiffHeader::kReadable) return std::nullopt;
  const Directory directory(without_prefix(exif));
  const auto value = directory.find(kOrientation);
  if (!value) return std::nullopt;
  const double number = directory.number(*value);
  for (int orientation = 2; orientation <= 8; ++orientation) {
    if (number == orientation) return orientation;
  }
  return 1;
}

bool has_unreadable_resolution(std::span<const uint8_t> exif) {
  if (tiff_header(exif) != TiffHeader::kReadable) return false;
  const Directory directory(without_prefix(exif));
  const auto value = directory.find(kXResolution);
  if (!value || !directory.find(kResolutionUnit)) return false;
  if (value->type == kByte || value->type == kUndefined) return value->data.size() == 1;
  if (value->type != kAscii) return false;
  auto text = value->data;
  if (text.back() == 0) text = text.first(text.size() - 1);
  return text.empty() || (text.size() == 1 && text[0] >= '0' && text[0] <= '9');
}

bool has_short_picture_index(std::span<const uint8_t> index) {
  if (without_prefix(index).size() != index.size()) return false;
  if (tiff_header(index) != TiffHeader::kReadable) return false;
  const Directory directory(index);
  const auto count = directory.find(kImageCount);
  const auto entries = directory.find(kImageEntries);
  if (!count || !entries || !is_integer(count->type)) return false;
  if (entries->type != kByte && entries->type != kUndefined) return false;
  constexpr size_t kPictureBytes = 16;
  const bool big_endian = starts_with(index, "MM\0*");
  const double pictures = directory.number(*count);
  for (size_t i = 0; static_cast<double>(i) < pictures; ++i) {
    if (entries->data.size() / kPictureBytes <= i) return true;
    const auto attribute = entries->data.subspan(i * kPictureBytes, 4);
    // Another picture format than JPEG: Pillow takes the file for a plain JPEG.
    if ((attribute[big_endian ? 0 : 3] & 7) != 0) return false;
  }
  return false;
}

std::optional<int> xmp_orientation(std::string_view xmp) {
  constexpr std::string_view kTag = "tiff:Orientation";
  for (size_t at = xmp.find(kTag); at != std::string_view::npos; at = xmp.find(kTag, at + 1)) {
    std::string_view rest = xmp.substr(at + kTag.size());
    if (rest.starts_with("=\"")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with(">")) {
      rest.remove_prefix(1);
    } else {
      continue;
    }
    if (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') return rest[0] - '0';
  }
  return std::nullopt;
}

}  // namespace beralih::codecs
