// An encoded image to pixels, under both readings of every knob that decoding has.
#include "beralih/decode.h"

#include "fuzz/targets.h"

namespace beralih::fuzz {

namespace {

// Small enough that a run stays in the microseconds, large enough for several rows of JPEG blocks.
constexpr int64_t kMaxPixels = 1 << 14;

std::string check_error(const Error& error, const ImageHeader& header) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kUnsupportedFormat:
    case ErrorCode::kCorruptImage:
    case ErrorCode::kImageTooLarge: break;
    default: return "an error code that decode() does not document: " + error.message;
  }
  for (const char c : error.message) {
    if (c < ' ' || c > '~') return "a message that is not plain text: " + error.message;
  }
  if (header.format == ImageFormat::kUnknown) return {};
  for (const char* name : {"JPEG: ", "PNG: ", "WebP: ", "WebP is ", "GIF: ", "BMP: "}) {
    if (error.message.starts_with(name)) return {};
  }
  return "a message that does not name the format: " + error.message;
}

}  // namespace

std::string decode(std::span<const uint8_t> input) {
  ImageHeader header;
  const auto stored =
      beralih::decode(input, {ExifMode::kIgnore, Gray16Mode::kPillow, kMaxPixels}, &header);
  if (!stored) {
    if (auto problem = check_error(stored.error(), header); !problem.empty()) return problem;
  } else if (stored->width != header.width || stored->height != header.height) {
    return "the stored image has another size than its header";
  }
  const auto oriented =
      beralih::decode(input, {ExifMode::kTranspose, Gray16Mode::kHighByte, kMaxPixels}, &header);
  if (!oriented) return check_error(oriented.error(), header);
  if (!stored) return "an image that can be read oriented cannot be read as stored";
  if (oriented->pixels.size() != stored->pixels.size()) return "orientation lost pixels";
  const auto area = static_cast<size_t>(oriented->width) * static_cast<size_t>(oriented->height);
  if (oriented->pixels.size() != area * Image::kChannels) return "the pixels do not fill the image";
  return {};
}

}  // namespace beralih::fuzz
