// Orientation tags, read as Pillow 9.4 reads them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace beralih::codecs {

enum class TiffHeader {
  kReadable,
  kEmpty,    ///< nothing, which is readable too
  kShort,    ///< begins well and ends too early for Pillow
  kUnknown,  ///< not TIFF (TiffImagePlugin.py, PREFIXES)
};

/// What a block (with or without the "Exif\0\0" prefix) starts with.
TiffHeader tiff_header(std::span<const uint8_t> exif);

/// Whether Pillow's getexif() returns, where it would raise otherwise.
bool is_readable(std::span<const uint8_t> exif);

/// The Orientation tag (0x0112) of a block, 1 where its value is not one of 2 to 8; nullopt where
/// the block is unreadable or has none (TiffImagePlugin.py, ImageFileDirectory_v2.load).
std::optional<int> tiff_orientation(std::span<const uint8_t> exif);

/// Whether a JPEG's resolution is stored as a single byte or digit, on which Pillow's
/// JpegImagePlugin.py trips (it takes the second one).
bool has_unreadable_resolution(std::span<const uint8_t> exif);

/// Whether a JPEG's multi-picture index (without the "MPF\0" prefix) announces more pictures than
/// it lists, which Pillow refuses (JpegImagePlugin.py, _getmp).
bool has_short_picture_index(std::span<const uint8_t> index);

/// The first `tiff:Orientation="N"` or `<tiff:Orientation>N` (Image.py 1462).
std::optional<int> xmp_orientation(std::string_view xmp);

}  // namespace beralih::codecs
