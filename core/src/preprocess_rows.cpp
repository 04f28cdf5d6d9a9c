#include "preprocess_rows.h"

#include <optional>
#include <variant>

#include "codecs/codecs.h"
#include "resample_stream.h"
#include "stopwatch.h"

namespace beralih {

namespace {

// Where the stored pixels lie as the picture is seen (decode.cpp, orientation_map).
struct Lie {
  bool transposed;
  bool flip_x;  // of the stored columns
  bool flip_y;

  explicit Lie(int orientation)
      : transposed(orientation >= 5 && orientation <= 8),
        flip_x(orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8),
        flip_y(orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) {}
};

class ResizingConsumer : public codecs::RowConsumer {
 public:
  ResizingConsumer(const PreprocessSpec& spec, int64_t max_pixels, int orientation,
                   Workspace::Buffers& buffers)
      : spec_(spec), max_pixels_(max_pixels), lie_(orientation), buffers_(buffers) {}

  std::optional<codecs::Region> begin(Size stored) override {
    oriented_ = lie_.transposed ? Size{stored.width, stored.height} : stored;
    const Size size = resized_size(oriented_, spec_);
    if (!check_resized(oriented_, size, max_pixels_)) return std::nullopt;
    const bool same_columns = size.width == oriented_.width;
    const bool same_rows = size.height == oriented_.height;
    // A copy along an axis has no weights that could be mirrored.
    if ((lie_.transposed || lie_.flip_x || lie_.flip_y) && (same_columns || same_rows)) {
      return std::nullopt;
    }
    const Size target = spec_.center_crop.value_or(size);
    const AxisCrop x = axis_crop(size.width, target.width);
    const AxisCrop y = axis_crop(size.height, target.height);
    const auto axis = [&](int in, int out, AxisCrop crop, bool flip) {
      return in == out
                 ? nullptr
                 : resample_axis({in, out, crop.source, crop.count, spec_.resize_filter, flip});
    };
    blank_crop(target, spec_.pad_value, buffers_.cropped);
    if (lie_.transposed) {
      auto& stream =
          stream_.emplace<TransposedStream>(axis(oriented_.height, size.height, y, lie_.flip_x),
                                            axis(oriented_.width, size.width, x, lie_.flip_y), x, y,
                                            buffers_.cropped, buffers_.stream);
      return region_of(stream);
    }
    auto& stream =
        stream_.emplace<ResampleStream>(axis(oriented_.width, size.width, x, lie_.flip_x),
                                        axis(oriented_.height, size.height, y, lie_.flip_y), x, y,
                                        4, buffers_.cropped, buffers_.stream);
    return region_of(stream);
  }

  void rows(int first_row, int count, const uint8_t* const* rows, int first_column) override {
    Stopwatch stopwatch;
    if (auto* stream = std::get_if<ResampleStream>(&stream_)) {
      stream->push(first_row, count, rows, first_column);
    } else {
      std::get<TransposedStream>(stream_).push(first_row, count, rows, first_column);
    }
    resize_ms_ += stopwatch.lap_ms();
  }

  Size oriented() const { return oriented_; }
  double resize_ms() const { return resize_ms_; }

 private:
  template <typename Stream>
  static codecs::Region region_of(const Stream& stream) {
    return {stream.begin_column(), stream.end_column(), stream.begin_row(), stream.end_row(),
            stream.readable_behind()};
  }

  const PreprocessSpec& spec_;
  int64_t max_pixels_;
  Lie lie_;
  Size oriented_;
  Workspace::Buffers& buffers_;
  std::variant<std::monostate, ResampleStream, TransposedStream> stream_;
  double resize_ms_ = 0;
};

}  // namespace

Result<bool> preprocess_rows(std::span<const uint8_t> bytes, const PreprocessSpec& spec,
                             int64_t max_pixels, PreprocessResult& result,
                             Workspace::Buffers& buffers) {
  const ImageFormat format = sniff_format(bytes);
  const bool resizes = spec.resize_mode != ResizeMode::kNone;
  if ((format != ImageFormat::kJpeg && format != ImageFormat::kPng) ||
      (resizes && spec.resize_filter == ResizeFilter::kNearest)) {
    return false;
  }
  const bool is_jpeg = format == ImageFormat::kJpeg;
  // PNG streams only what lies upright: its orientation may stand behind the pixels.
  const int orientation =
      is_jpeg && spec.exif == ExifMode::kTranspose ? codecs::jpeg_orientation(bytes, spec.exif) : 1;

  Stopwatch stopwatch;
  ResizingConsumer consumer(spec, max_pixels, orientation, buffers);
  result.header.format = format;
  const DecodeOptions options{spec.exif, spec.gray16, max_pixels};
  const auto stream = is_jpeg ? codecs::stream_jpeg : codecs::stream_png;
  const auto streamed = stream(bytes, options, result.header, consumer, buffers.lines);
  if (!streamed) return streamed.error();
  if (!*streamed) return false;
  result.oriented = consumer.oriented();
  result.timings.resize_ms = consumer.resize_ms();
  result.timings.decode_ms = stopwatch.lap_ms() - consumer.resize_ms();
  return true;
}

}  // namespace beralih
