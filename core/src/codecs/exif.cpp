#include "codecs/exif.h"

#include <cstring>

namespace beralih::codecs {

namespace {

class TiffReader {
 public:
  TiffReader(std::span<const uint8_t> bytes, bool little_endian)
      : bytes_(bytes), little_endian_(little_endian) {}

  bool has(size_t offset, size_t count) const {
    return offset <= bytes_.size() && count <= bytes_.size() - offset;
  }
  uint32_t u16(size_t at) const {
    const uint32_t a = bytes_[at], b = bytes_[at + 1];
    return little_endian_ ? a | b << 8 : a << 8 | b;
  }
  uint32_t u32(size_t at) const {
    return little_endian_ ? u16(at) | u16(at + 2) << 16 : u16(at) << 16 | u16(at + 2);
  }

  /// A single integer of TIFF type `type` at `at`; nullopt for other types.
  std::optional<int> integer(uint32_t type, size_t at) const {
    switch (type) {
      case 1: return bytes_[at];
      case 3: return static_cast<int>(u16(at));
      case 4:
      case 13: {
        const uint32_t value = u32(at);
        return value <= 8 ? std::optional<int>(static_cast<int>(value)) : std::nullopt;
      }
      case 6: return static_cast<int8_t>(bytes_[at]);
      case 8: return static_cast<int16_t>(u16(at));
      case 9: return static_cast<int>(u32(at));
      default: return std::nullopt;
    }
  }

 private:
  std::span<const uint8_t> bytes_;
  bool little_endian_;
};

constexpr size_t kEntryBytes = 12;
constexpr uint32_t kOrientationTag = 0x0112;

std::span<const uint8_t> without_prefix(std::span<const uint8_t> exif) {
  const bool prefixed = exif.size() >= 6 && std::memcmp(exif.data(), "Exif\0\0", 6) == 0;
  return prefixed ? exif.subspan(6) : exif;
}

bool starts_with(std::span<const uint8_t> bytes, const char (&magic)[5]) {
  return bytes.size() >= 8 && std::memcmp(bytes.data(), magic, 4) == 0;
}

}  // namespace

bool has_tiff_header(std::span<const uint8_t> exif) {
  exif = without_prefix(exif);
  return exif.empty() || starts_with(exif, "MM\0*") || starts_with(exif, "II*\0") ||
         starts_with(exif, "MM*\0") || starts_with(exif, "II\0*") || starts_with(exif, "MM\0+") ||
         starts_with(exif, "II+\0");
}

std::optional<int> tiff_orientation(std::span<const uint8_t> exif) {
  exif = without_prefix(exif);
  const bool little_endian = starts_with(exif, "II*\0") || starts_with(exif, "II\0*");
  const bool big_endian = starts_with(exif, "MM\0*") || starts_with(exif, "MM*\0");
  if (!little_endian && !big_endian)
    return std::nullopt;  // BigTIFF holds no orientation in the wild
  const TiffReader tiff(exif, little_endian);

  const size_t directory = tiff.u32(4);
  if (!tiff.has(directory, 2)) return std::nullopt;
  const uint32_t entries = tiff.u16(directory);
  std::optional<int> orientation;
  for (uint32_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * kEntryBytes;
    if (!tiff.has(entry, kEntryBytes)) break;  // Pillow keeps what it has read
    if (tiff.u16(entry) != kOrientationTag || tiff.u32(entry + 4) != 1) continue;
    // One integer of at most four bytes lies in the entry itself. A later entry wins, as in a dict.
    if (const auto value = tiff.integer(tiff.u16(entry + 2), entry + 8)) orientation = value;
  }
  return orientation;
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

// The marker walk of JpegImagePlugin.py's _open: skips junk between markers, stops at the scan.
std::span<const uint8_t> jpeg_exif(std::span<const uint8_t> jpeg) {
  size_t at = 2;
  while (at + 4 <= jpeg.size()) {
    if (jpeg[at] != 0xFF) {
      ++at;
      continue;
    }
    const uint8_t marker = jpeg[at + 1];
    if (marker == 0xFF) {
      ++at;
      continue;
    }
    const bool standalone = marker == 0x00 || (marker >= 0xD0 && marker <= 0xD9);
    if (standalone) {
      at += 2;
      continue;
    }
    if (marker == 0xDA) break;
    const size_t length = static_cast<size_t>(jpeg[at + 2]) << 8 | jpeg[at + 3];
    if (length < 2 || at + 2 + length > jpeg.size()) break;
    const auto payload = jpeg.subspan(at + 4, length - 2);
    if (marker == 0xE1 && payload.size() >= 5 && std::memcmp(payload.data(), "Exif\0", 5) == 0) {
      return payload;
    }
    at += 2 + length;
  }
  return {};
}

}  // namespace beralih::codecs
