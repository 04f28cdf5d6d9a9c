// A JPEG file's segments before its first scan, accepted and refused as Pillow 9.4's
// JpegImagePlugin.py does before libjpeg sees the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "beralih/preprocess_spec.h"
#include "beralih/result.h"

namespace beralih::codecs {

/// A segment of the file.
struct JpegPlace {
  int marker = 0xD8;  ///< the byte behind 0xFF
  size_t at = 0;
  std::string text() const;  ///< " (marker FFC0 at byte 158)"
};

struct JpegHeader {
  int width = 0;
  int height = 0;
  int components = 0;             ///< 1, 3 or 4
  JpegPlace frame;                ///< the header that says so
  std::span<const uint8_t> exif;  ///< the first EXIF segment's payload; empty where there is none
};

/// Errors: kCorruptImage, kUnsupportedFormat. Under ExifMode::kTranspose also where the EXIF block
/// makes Pillow's exif_transpose raise.
Result<JpegHeader> read_jpeg_header(std::span<const uint8_t> file, ExifMode exif);

}  // namespace beralih::codecs
