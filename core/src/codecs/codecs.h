// One function per format; chosen by decode().
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "beralih/decode.h"
#include "beralih/image.h"
#include "beralih/result.h"

namespace beralih::codecs {

/// Pixels and the orientation that the file announces (1 where it announces none).
struct Decoded {
  Image image;
  int orientation = 1;
};

Result<Decoded> decode_jpeg(std::span<const uint8_t> bytes, const DecodeOptions& options,
                            ImageHeader& header);
Result<Decoded> decode_png(std::span<const uint8_t> bytes, const DecodeOptions& options,
                           ImageHeader& header);
Result<Decoded> decode_gif(std::span<const uint8_t> bytes, const DecodeOptions& options,
                           ImageHeader& header);
Result<Decoded> decode_bmp(std::span<const uint8_t> bytes, const DecodeOptions& options,
                           ImageHeader& header);
#if BERALIH_WEBP
Result<Decoded> decode_webp(std::span<const uint8_t> bytes, const DecodeOptions& options,
                            ImageHeader& header);
#endif

/// Refuses empty and too large images; call before allocating pixels.
Status check_size(int64_t width, int64_t height, const DecodeOptions& options);

}  // namespace beralih::codecs
