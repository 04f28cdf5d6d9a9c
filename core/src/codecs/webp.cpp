// WebP through libwebp, as Pillow's WebPImagePlugin.py reads it with the animation decoder.
#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "codecs/codecs.h"
#include "codecs/exif.h"
#include "memory.h"
#include "message.h"

namespace beralih::codecs {

namespace {

struct DemuxDelete {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};

/// Frees what the iterator may hold.
struct Frame : WebPIterator {
  Frame() : WebPIterator{} {}
  ~Frame() { WebPDemuxReleaseIterator(this); }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
};

Error corrupt(std::initializer_list<Part> what, const std::string& place) {
  return placed(error_of(ErrorCode::kCorruptImage, "WebP: ", what), place);
}

constexpr size_t kFirstChunkAt = 12;

/// The chunk that leaves the file, else the first one that holds pixels.
std::string damaged_place(std::span<const uint8_t> bytes) {
  const auto name = [&](size_t at) {
    std::string text;
    for (const uint8_t byte : bytes.subspan(at, 4)) {
      text += byte >= ' ' && byte < 127 ? static_cast<char>(byte) : '?';
    }
    return text;
  };
  std::optional<size_t> pixels;
  size_t at = kFirstChunkAt;
  while (bytes.size() - at >= 8) {
    uint64_t size = 0;
    for (size_t i = 4; i-- > 0;) size = size << 8 | bytes[at + 4 + i];
    if (size > bytes.size() - at - 8) return place(at, name(at) + " chunk");
    const std::string found = name(at);
    if (!pixels && (found.starts_with("VP8") || found == "ANMF") && found != "VP8X") pixels = at;
    at += 8 + static_cast<size_t>(std::min<uint64_t>(size + size % 2, bytes.size() - at - 8));
  }
  return pixels ? place(*pixels, name(*pixels) + " chunk") : place(at);
}

const char* reason(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA: return "the data ends before the image does";
    case VP8_STATUS_UNSUPPORTED_FEATURE: return "it uses a feature that libwebp does not know";
    default: return "the compressed data is broken";
  }
}

/// The EXIF chunk's orientation; WebPImagePlugin.py keeps XMP where exif_transpose does not look.
Result<int> orientation(const WebPDemuxer* demuxer, const uint8_t* file) {
  WebPChunkIterator chunk;
  if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk) == 0) return 1;
  const std::span<const uint8_t> exif(chunk.chunk.bytes, chunk.chunk.size);
  const bool readable = is_readable(exif);
  const int value = tiff_orientation(exif).value_or(1);
  const auto at = static_cast<uint64_t>(exif.data() - file) - 8;
  WebPDemuxReleaseChunkIterator(&chunk);
  if (!readable) return corrupt({"the EXIF block has no TIFF header"}, place(at, "EXIF chunk"));
  return value;
}

}  // namespace

Result<Decoded> decode_webp(std::span<const uint8_t> bytes, const DecodeOptions& options,
                            ImageHeader& header) {
  const WebPData data{bytes.data(), bytes.size()};
  const std::unique_ptr<WebPDemuxer, DemuxDelete> demuxer(WebPDemux(&data));
  if (!demuxer) {
    return corrupt({"the chunks are damaged, or end early"}, damaged_place(bytes));
  }
  const uint32_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const uint32_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  if (const auto status = check_size("WebP", width, height, options); !status) {
    return placed(status.error(), place(kFirstChunkAt));
  }
  header.width = static_cast<int>(width);
  header.height = static_cast<int>(height);

  Frame frame;
  if (WebPDemuxGetFrame(demuxer.get(), 1, &frame) == 0) {
    return corrupt({"there is no frame"}, place(bytes.size()));
  }
  const auto frame_at = static_cast<uint64_t>(frame.fragment.bytes - bytes.data());
  const int64_t right = int64_t{frame.x_offset} + frame.width;
  const int64_t bottom = int64_t{frame.y_offset} + frame.height;
  if (frame.x_offset < 0 || frame.y_offset < 0 || right > header.width || bottom > header.height) {
    return corrupt({"the first frame lies outside the picture"}, place(frame_at));
  }

  // The animation decoder clears its canvas to transparent black and does not blend the first frame
  // into it, so without alpha what the frame leaves free is black (anim_decode.c).
  Decoded decoded{Image::allocate(header.height, header.width), 1};
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) {
    return Error{ErrorCode::kInternal, "WebP: libwebp's version does not fit its headers"};
  }
  const size_t stride = decoded.image.stride();
  const size_t left = static_cast<size_t>(frame.x_offset) * Image::kChannels;
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = decoded.image.row(frame.y_offset) + left;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = stride * static_cast<size_t>(frame.height) - left;
  const auto status = WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
  WebPFreeDecBuffer(&config.output);
  if (status == VP8_STATUS_OUT_OF_MEMORY) return out_of_memory();
  if (status != VP8_STATUS_OK) {
    return corrupt({reason(status)}, place(frame_at, "the first frame's data"));
  }

  if (options.exif == ExifMode::kTranspose) {
    const auto value = orientation(demuxer.get(), bytes.data());
    if (!value) return value.error();
    decoded.orientation = *value;
  }
  return decoded;
}

}  // namespace beralih::codecs
