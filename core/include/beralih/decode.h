// Encoded bytes to RGB pixels, as Pillow 9.4.0 with libjpeg-turbo 2.1.5 decodes them (its
// JpegImagePlugin.py, PngImagePlugin.py, GifImagePlugin.py, BmpImagePlugin.py, WebPImagePlugin.py).
// Everything here may be called from any thread.
#pragma once

#include <cstdint>
#include <span>

#include "beralih/image.h"
#include "beralih/preprocess_spec.h"
#include "beralih/result.h"

namespace beralih {

/// Pillow's own warning limit (Image.py, MAX_IMAGE_PIXELS).
inline constexpr int64_t kDefaultMaxPixels = 89'478'485;

/// Which pixels are wanted, and how many at most.
struct DecodeOptions {
  ExifMode exif = ExifMode::kTranspose;
  Gray16Mode gray16 = Gray16Mode::kHighByte;
  int64_t max_pixels =
      kDefaultMaxPixels;  ///< checked against the header, before pixels are allocated
};

/// What the file says of itself, filled as far as it was read, on errors too.
struct ImageHeader {
  ImageFormat format = ImageFormat::kUnknown;
  int width = 0;  ///< as stored, before orientation
  int height = 0;
};

/// By the first bytes, never by a file name.
ImageFormat sniff_format(std::span<const uint8_t> bytes);

/// Decodes the whole image; alpha is dropped, palettes and gray become RGB, orientation is applied.
/// `bytes` is the whole file and is not kept; the image is the caller's. Throws nothing.
/// Errors: kInvalidArgument (no bytes), kUnsupportedFormat, kCorruptImage, kImageTooLarge (above
/// max_pixels, or there is not enough memory). The message starts with the format and ends with the
/// byte, and the marker or chunk there, except where no format is recognised or memory runs out.
Result<Image> decode(std::span<const uint8_t> bytes, const DecodeOptions& options,
                     ImageHeader* header = nullptr);

/// Applies an orientation value 2..8 as Pillow's ImageOps.exif_transpose; others return the image
/// as is.
Image apply_orientation(Image image, int orientation);

}  // namespace beralih
