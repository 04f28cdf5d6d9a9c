// Orientation tags, read as Pillow 9.4 reads them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace beralih::codecs {

/// Whether a block (with or without the "Exif\0\0" prefix) starts with a TIFF header that Pillow
/// accepts (TiffImagePlugin.py, PREFIXES); an empty block counts as readable.
bool has_tiff_header(std::span<const uint8_t> exif);

/// The Orientation tag (0x0112) of a TIFF block, with or without the "Exif\0\0" prefix; nullopt
/// where the block is unreadable or has none (TiffImagePlugin.py, ImageFileDirectory_v2.load).
std::optional<int> tiff_orientation(std::span<const uint8_t> exif);

/// The first `tiff:Orientation="N"` or `<tiff:Orientation>N` (Image.py 1462).
std::optional<int> xmp_orientation(std::string_view xmp);

/// The payload of the first EXIF APP1 segment before the first scan; empty where there is none.
std::span<const uint8_t> jpeg_exif(std::span<const uint8_t> jpeg);

}  // namespace beralih::codecs
