#include <string>

#include "codecs/codecs.h"
#include "codecs/exif.h"
#include "codecs/jpeg_header.h"
#include "codecs/jpeg_reader.h"
#include "memory.h"
#include "message.h"

namespace beralih::codecs {

namespace {

/// The place is the frame header's.
Status check_frame(int64_t width, int64_t height, const DecodeOptions& options,
                   const JpegHeader& found) {
  const auto status = check_size("JPEG", width, height, options);
  if (status) return Ok{};
  return placed(status.error(), found.frame.text());
}

struct Request {
  const DecodeOptions* options;
  const JpegHeader* found;
  ImageHeader* header;
  Image image;
  Status status = Ok{};
};

uint8_t* accept(void* user, uint32_t width, uint32_t height) {
  auto& request = *static_cast<Request*>(user);
  request.header->width = static_cast<int>(width);
  request.header->height = static_cast<int>(height);
  request.status = check_frame(width, height, *request.options, *request.found);
  if (!request.status) return nullptr;
  // No exception may pass through the C code that called.
  auto image = with_memory<Image>(
      [&] { return Image::allocate(static_cast<int>(height), static_cast<int>(width)); });
  if (!image) {
    request.status = image.error();
    return nullptr;
  }
  request.image = *std::move(image);
  return request.image.pixels.data();
}

struct StreamRequest {
  const DecodeOptions* options;
  const JpegHeader* found;
  ImageHeader* header;
  RowConsumer* consumer;
  LineMemory* lines;
  Status status = Ok{};
};

beralih_jpeg_status accept_stream(void* user, uint32_t width, uint32_t height,
                                  beralih_jpeg_region* region) {
  auto& request = *static_cast<StreamRequest*>(user);
  request.header->width = static_cast<int>(width);
  request.header->height = static_cast<int>(height);
  request.status = check_frame(width, height, *request.options, *request.found);
  if (!request.status) return BERALIH_JPEG_REFUSED;
  const auto begun = with_memory<std::optional<Region>>([&] {
    return request.consumer->begin({static_cast<int>(height), static_cast<int>(width)});
  });
  if (!begun) {
    request.status = begun.error();
    return BERALIH_JPEG_REFUSED;
  }
  const auto& needed = *begun;
  if (!needed) return BERALIH_JPEG_NOT_STREAMED;
  *region = {static_cast<uint32_t>(needed->left), static_cast<uint32_t>(needed->right),
             static_cast<uint32_t>(needed->top), static_cast<uint32_t>(needed->bottom),
             static_cast<size_t>(needed->readable_behind)};
  return BERALIH_JPEG_OK;
}

uint8_t* line_memory(void* user, size_t size) {
  return static_cast<StreamRequest*>(user)->lines->room(size);
}

void take_rows(void* user, uint32_t first_row, uint32_t count, const uint8_t* const* rows,
               uint32_t first_column) {
  static_cast<StreamRequest*>(user)->consumer->rows(
      static_cast<int>(first_row), static_cast<int>(count), rows, static_cast<int>(first_column));
}

constexpr std::string_view kHead = "JPEG: ";

Error worded(beralih_jpeg_status status, const char* message, size_t bytes,
             const JpegHeader& found) {
  switch (status) {
    case BERALIH_JPEG_TRUNCATED:
      return error_of(ErrorCode::kCorruptImage, kHead,
                      {"the data ends before the image does; send the whole file", place(bytes)});
    case BERALIH_JPEG_UNSUPPORTED:
      return error_of(ErrorCode::kUnsupportedFormat, kHead,
                      {message, "; only 8-bit gray, YCbCr/RGB and CMYK/YCCK are supported",
                       found.frame.text()});
    case BERALIH_JPEG_TOO_LARGE: return error_of(ErrorCode::kImageTooLarge, kHead, {message});
    default: return error_of(ErrorCode::kCorruptImage, kHead, {message});
  }
}

}  // namespace

Result<Decoded> decode_jpeg(std::span<const uint8_t> bytes, const DecodeOptions& options,
                            ImageHeader& header) {
  const auto found = read_jpeg_header(bytes, options.exif);
  if (!found) return found.error();
  // Here already: libjpeg refuses more than 65500 a side in words of its own.
  if (const auto status = check_frame(found->width, found->height, options, *found); !status) {
    return status.error();
  }
  Request request{&options, &*found, &header, {}, Ok{}};
  beralih_jpeg_reader reader{accept, &request, {}};
  const auto status = beralih_jpeg_read(&reader, bytes.data(), bytes.size());
  if (status == BERALIH_JPEG_REFUSED) return request.status.error();
  if (status != BERALIH_JPEG_OK) return worded(status, reader.message, bytes.size(), *found);
  const auto orientation = tiff_orientation(found->exif);
  return Decoded{std::move(request.image), orientation.value_or(1)};
}

Result<bool> stream_jpeg(std::span<const uint8_t> bytes, const DecodeOptions& options,
                         ImageHeader& header, RowConsumer& consumer, LineMemory& lines) {
  const auto found = read_jpeg_header(bytes, options.exif);
  if (!found) return found.error();
  StreamRequest request{&options, &*found, &header, &consumer, &lines, Ok{}};
  beralih_jpeg_stream stream{accept_stream, line_memory, take_rows, &request, {}};
  const auto status = beralih_jpeg_stream_rows(&stream, bytes.data(), bytes.size());
  if (status == BERALIH_JPEG_REFUSED) return request.status.error();
  // Any other failure is worded by decode_jpeg, whose verdict is Pillow's: one place decides.
  return status == BERALIH_JPEG_OK;
}

int jpeg_orientation(std::span<const uint8_t> bytes, ExifMode exif) {
  const auto found = read_jpeg_header(bytes, exif);
  return found ? tiff_orientation(found->exif).value_or(1) : 1;
}

}  // namespace beralih::codecs
