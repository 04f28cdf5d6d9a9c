// The chunks of a PNG file, accepted and refused as Pillow 9.4's PngImagePlugin.py does.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "beralih/result.h"

namespace beralih::codecs {

struct PngHeader {
  uint32_t width = 0;
  uint32_t height = 0;
  int bit_depth = 0;
  int color_type = 0;  ///< 0 gray, 2 RGB, 3 palette, 4 gray + alpha, 6 RGBA
  bool interlaced = false;
};

/// Where the first frame lies; the whole image unless an APNG frame control says otherwise.
struct PngFrame {
  uint32_t x = 0, y = 0, width = 0, height = 0;
};

/// Reads chunk by chunk; holds views into the file's bytes, which must outlive it.
class PngContainer {
 public:
  explicit PngContainer(std::span<const uint8_t> file) : file_(file) {}

  /// Reads up to the first image data. Checksums of these chunks are verified.
  Status read_header();

  const PngHeader& header() const { return header_; }
  const PngFrame& frame() const { return frame_; }
  std::span<const uint8_t> palette() const { return palette_; }  ///< RGB triples as stored

  /// Where header, first frame and the last piece of image data stand, for errors.
  std::string header_place() const { return header_at_.text(); }
  std::string frame_place() const { return frame_at_.text(); }
  std::string data_place() const { return data_at_.text(); }

  /// The next piece of compressed image data; an error where the image data ends. May be empty.
  Result<std::span<const uint8_t>> next_data();

  /// Reads what follows the image data (text and EXIF may stand there).
  Status read_trailer();

  /// From eXIf, a raw EXIF text profile, or XMP; 1 where there is none. An EXIF block without a
  /// TIFF header is an error, as in Pillow.
  Result<int> orientation() const;

 private:
  struct Place {
    uint32_t type = 0;  ///< a chunk's
    size_t at = 0;
    std::string text() const;  ///< " (IHDR chunk at byte 8)"
  };
  struct Chunk : Place {
    std::span<const uint8_t> data;  ///< as much as the file has
    uint32_t length = 0;            ///< as announced
    bool complete() const { return data.size() == length; }
  };

  std::optional<Chunk> next_chunk();
  std::string here() const;
  static Error cut_off(const Chunk& chunk);
  Status handle(const Chunk& chunk);
  Status handle_data(const Chunk& chunk);
  Status handle_frame_control(std::span<const uint8_t> data);
  Status handle_profile(std::span<const uint8_t> data);
  Status handle_text(std::span<const uint8_t> data);
  Status handle_compressed_text(std::span<const uint8_t> data);
  Status handle_international_text(std::span<const uint8_t> data);
  Status keep_text(std::string key, std::string value);
  Status count_inflated(std::string_view text);
  bool check_crc(const Chunk& chunk);
  std::span<const uint8_t> image_data(const Chunk& chunk) const;

  std::span<const uint8_t> file_;
  uint64_t position_ = 8;  ///< of the next chunk; 64 bits: a length may pass 32-bit memory's end
  bool data_started_ = false;
  bool has_frame_control_ = false;
  std::optional<Chunk> pending_;  ///< read but not yet handled
  PngHeader header_;
  PngFrame frame_;
  Place current_;  ///< the chunk that is being handled
  Place header_at_, frame_at_, data_at_, exif_at_, raw_exif_at_;
  std::span<const uint8_t> palette_;
  std::optional<int64_t> frame_sequence_;
  std::optional<uint32_t> animation_frames_;
  bool default_image_ = false;
  size_t text_bytes_ = 0;
  size_t inflated_bytes_ = 0;
  std::optional<std::string> exif_;
  std::optional<std::string> raw_exif_profile_;  ///< hexadecimal text
  std::optional<std::string> xmp_;
};

}  // namespace beralih::codecs
