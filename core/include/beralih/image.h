// Pixels in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace beralih {

struct Size {
  int height = 0;
  int width = 0;
  bool operator==(const Size&) const = default;
};

/// 8-bit RGB pixels, height x width x 3 (HWC), rows packed without padding. Owns its memory.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> pixels;  ///< width * height * 3 bytes

  static constexpr int kChannels = 3;
  size_t stride() const { return static_cast<size_t>(width) * kChannels; }
  const uint8_t* row(int y) const { return pixels.data() + static_cast<size_t>(y) * stride(); }
  /// Row y, 0 at the top: stride() bytes, R G B for each column. Valid while the pixels are.
  uint8_t* row(int y) { return pixels.data() + static_cast<size_t>(y) * stride(); }

  /// Every byte is `fill`. Sizes from 0; throws std::bad_alloc.
  static Image allocate(int height, int width, uint8_t fill = 0) {
    Image image;
    image.width = width;
    image.height = height;
    image.pixels.assign(static_cast<size_t>(width) * static_cast<size_t>(height) * kChannels, fill);
    return image;
  }
};

enum class ImageFormat { kUnknown, kJpeg, kPng, kWebp, kGif, kBmp };

/// "jpeg", "png", "webp", "gif", "bmp", "unknown". Static storage.
std::string_view image_format_name(ImageFormat format);

}  // namespace beralih
