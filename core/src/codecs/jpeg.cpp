#include <string>

#include "codecs/codecs.h"
#include "codecs/exif.h"
#include "codecs/jpeg_header.h"
#include "codecs/jpeg_reader.h"

namespace beralih::codecs {

namespace {

struct Request {
  const DecodeOptions* options;
  ImageHeader* header;
  Image image;
  Status status = Ok{};
};

uint8_t* accept(void* user, uint32_t width, uint32_t height) {
  auto& request = *static_cast<Request*>(user);
  request.header->width = static_cast<int>(width);
  request.header->height = static_cast<int>(height);
  request.status = check_size(width, height, *request.options);
  if (!request.status) return nullptr;
  request.image = Image::allocate(static_cast<int>(height), static_cast<int>(width));
  return request.image.pixels.data();
}

}  // namespace

Result<Decoded> decode_jpeg(std::span<const uint8_t> bytes, const DecodeOptions& options,
                            ImageHeader& header) {
  const auto found = read_jpeg_header(bytes, options.exif);
  if (!found) return found.error();
  Request request{&options, &header, {}, Ok{}};
  beralih_jpeg_reader reader{accept, &request, {}};
  switch (beralih_jpeg_read(&reader, bytes.data(), bytes.size())) {
    case BERALIH_JPEG_OK: break;
    case BERALIH_JPEG_REFUSED: return request.status.error();
    case BERALIH_JPEG_TRUNCATED:
      return Error{ErrorCode::kCorruptImage, "JPEG: the data ends before the image does (" +
                                                 std::to_string(bytes.size()) +
                                                 " bytes); send the whole file"};
    case BERALIH_JPEG_UNSUPPORTED:
      return Error{ErrorCode::kUnsupportedFormat,
                   "JPEG: " + std::string(reader.message) +
                       "; only 8-bit gray, YCbCr/RGB and CMYK/YCCK are supported"};
    case BERALIH_JPEG_CORRUPT:
      return Error{ErrorCode::kCorruptImage, "JPEG: " + std::string(reader.message)};
  }
  const auto orientation = tiff_orientation(found->exif);
  return Decoded{std::move(request.image), orientation.value_or(1)};
}

}  // namespace beralih::codecs
