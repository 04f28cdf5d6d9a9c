// One function per format; chosen by decode().
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

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

/// What of an image is needed: columns left..right - 1 of rows top..bottom - 1.
struct Region {
  int left = 0;
  int right = 0;
  int top = 0;
  int bottom = 0;
  int readable_behind = 0;  ///< how many bytes behind a row's end will be read
};

/// Takes an image's rows while they are decoded.
class RowConsumer {
 public:
  virtual ~RowConsumer() = default;
  /// Called once, before any row; nullopt where this image must be decoded whole.
  virtual std::optional<Region> begin(Size stored) = 0;
  /// `count` needed rows, in order; pixels of 4 bytes (RGB first) from column `first_column` on.
  virtual void rows(int first_row, int count, const uint8_t* const* rows, int first_column) = 0;
};

/// Lines on their way to a RowConsumer, used again for the next image.
class LineMemory {
 public:
  /// `size` bytes that belong to this object until the next call; nullptr where memory ran out.
  uint8_t* room(size_t size) noexcept;

 private:
  struct Free {
    void operator()(uint8_t* bytes) const { std::free(bytes); }
  };
  std::unique_ptr<uint8_t, Free> bytes_;
  size_t size_ = 0;
};

/// As decode_jpeg, without a whole image; false where decode_jpeg must do it.
Result<bool> stream_jpeg(std::span<const uint8_t> bytes, const DecodeOptions& options,
                         ImageHeader& header, RowConsumer& consumer, LineMemory& lines);

/// As decode_png, without a whole image; false where decode_png must do it.
Result<bool> stream_png(std::span<const uint8_t> bytes, const DecodeOptions& options,
                        ImageHeader& header, RowConsumer& consumer, LineMemory& lines);

/// What decode_jpeg would report, from the file's bytes alone.
int jpeg_orientation(std::span<const uint8_t> bytes, ExifMode exif);

/// Refuses empty and too large images; call before allocating pixels. `format` starts the message.
Status check_size(std::string_view format, int64_t width, int64_t height,
                  const DecodeOptions& options);

/// " (at byte 12)", " (IHDR chunk at byte 8)": how the message of an error ends.
std::string place(uint64_t at, std::string_view what = {});

/// The error with its place behind the message.
Error placed(Error error, const std::string& place);

}  // namespace beralih::codecs
