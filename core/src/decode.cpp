#include "beralih/decode.h"

#include <cstring>
#include <string>

#include "codecs/codecs.h"
#include "memory.h"
#include "message.h"

namespace beralih {

namespace {

bool has(std::span<const uint8_t> bytes, size_t at, std::string_view text) {
  return bytes.size() >= at + text.size() &&
         std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

}  // namespace

std::string_view image_format_name(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg: return "jpeg";
    case ImageFormat::kPng: return "png";
    case ImageFormat::kWebp: return "webp";
    case ImageFormat::kGif: return "gif";
    case ImageFormat::kBmp: return "bmp";
    case ImageFormat::kUnknown: break;
  }
  return "unknown";
}

ImageFormat sniff_format(std::span<const uint8_t> bytes) {
  if (has(bytes, 0, "\xFF\xD8\xFF")) return ImageFormat::kJpeg;
  if (has(bytes, 0, "\x89PNG\r\n\x1A\n")) return ImageFormat::kPng;
  if (has(bytes, 0, "RIFF") && has(bytes, 8, "WEBP") &&
      (has(bytes, 12, "VP8 ") || has(bytes, 12, "VP8L") || has(bytes, 12, "VP8X"))) {
    return ImageFormat::kWebp;
  }
  if (has(bytes, 0, "GIF87a") || has(bytes, 0, "GIF89a")) return ImageFormat::kGif;
  if (has(bytes, 0, "BM")) return ImageFormat::kBmp;
  return ImageFormat::kUnknown;
}

namespace codecs {

Status check_size(std::string_view format, int64_t width, int64_t height,
                  const DecodeOptions& options) {
  const bool none = width < 1 || height < 1;
  const bool countable = width <= INT32_MAX && height <= INT32_MAX;
  if (!none && countable && width <= options.max_pixels / height) return Ok{};
  constexpr std::string_view kAnnounces = ": the header announces ";
  if (none) {
    return error_of(ErrorCode::kCorruptImage, format,
                    {kAnnounces, "no pixels, ", width, " x ", height});
  }
  return error_of(ErrorCode::kImageTooLarge, format,
                  {kAnnounces, width, " x ", height, " pixels, the limit is ", options.max_pixels,
                   " in all; send a smaller one"});
}

std::string place(uint64_t at, std::string_view what) {
  return joined({" (", what, what.empty() ? "" : " ", "at byte ", at, ")"});
}

Error placed(Error error, const std::string& place) {
  error.message += place;
  return error;
}

uint8_t* LineMemory::room(size_t size) noexcept {
  if (size > size_) {
    size_ = 0;
    // Kernels read some bytes that nobody wrote, and ignore what they read: zeros keep that quiet.
    bytes_.reset(static_cast<uint8_t*>(std::calloc(1, size)));
    if (bytes_) size_ = size;
  }
  return bytes_.get();
}

}  // namespace codecs

namespace {

Error unknown_format(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return {ErrorCode::kInvalidArgument, "the image is empty (0 bytes)"};
  std::string what = "not an image that can be decoded here";
  if (has(bytes, 4, "ftypheic") || has(bytes, 4, "ftypheix") || has(bytes, 4, "ftypmif1")) {
    what = "HEIC is not supported";
  }
  if (has(bytes, 4, "ftypavif")) what = "AVIF is not supported";
  return {ErrorCode::kUnsupportedFormat, what + "; send JPEG, PNG, WebP, GIF or BMP"};
}

Result<Image> decode_by_format(std::span<const uint8_t> bytes, const DecodeOptions& options,
                               ImageHeader& found) {
  found = {};
  found.format = sniff_format(bytes);
  Result<codecs::Decoded> decoded = unknown_format(bytes);
  switch (found.format) {
    case ImageFormat::kJpeg: decoded = codecs::decode_jpeg(bytes, options, found); break;
    case ImageFormat::kPng: decoded = codecs::decode_png(bytes, options, found); break;
    case ImageFormat::kWebp:
#if BERALIH_WEBP
      decoded = codecs::decode_webp(bytes, options, found);
#else
      decoded = Error{ErrorCode::kUnsupportedFormat,
                      "WebP: not supported by this build; send JPEG, PNG, GIF or BMP"};
#endif
      break;
    case ImageFormat::kGif: decoded = codecs::decode_gif(bytes, options, found); break;
    case ImageFormat::kBmp: decoded = codecs::decode_bmp(bytes, options, found); break;
    case ImageFormat::kUnknown: break;
  }
  if (!decoded) return decoded.error();
  if (options.exif == ExifMode::kIgnore) return std::move(decoded->image);
  return apply_orientation(std::move(decoded->image), decoded->orientation);
}

}  // namespace

Result<Image> decode(std::span<const uint8_t> bytes, const DecodeOptions& options,
                     ImageHeader* header) {
  ImageHeader local;
  return with_memory<Image>(
      [&] { return decode_by_format(bytes, options, header != nullptr ? *header : local); });
}

}  // namespace beralih
