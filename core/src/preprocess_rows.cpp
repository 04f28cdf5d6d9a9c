#include "preprocess_rows.h"

#include <utility>

#include "codecs/codecs.h"
#include "resample_stream.h"
#include "stopwatch.h"

namespace beralih {

namespace {

class ResizingConsumer : public codecs::RowConsumer {
 public:
  ResizingConsumer(const PreprocessSpec& spec, int64_t max_pixels, int orientation)
      : spec_(spec),
        max_pixels_(max_pixels),
        flip_x_(orientation == 2 || orientation == 3),
        flip_y_(orientation == 3 || orientation == 4) {}

  std::optional<codecs::Region> begin(Size stored) override {
    const Size size = resized_size(stored, spec_);
    if (!check_resized(stored, size, max_pixels_)) return std::nullopt;
    const bool same_columns = size.width == stored.width;
    const bool same_rows = size.height == stored.height;
    // A copy along an axis has no weights that could be mirrored.
    if ((flip_x_ && same_columns) || (flip_y_ && same_rows)) return std::nullopt;
    const Size target = spec_.center_crop.value_or(size);
    const AxisCrop x = axis_crop(size.width, target.width);
    const AxisCrop y = axis_crop(size.height, target.height);
    const auto axis = [&](int in, int out, AxisCrop crop, bool flip) {
      return in == out
                 ? nullptr
                 : resample_axis({in, out, crop.source, crop.count, spec_.resize_filter, flip});
    };
    out_ = blank_crop(target, spec_.pad_value);
    stream_.emplace(axis(stored.width, size.width, x, flip_x_),
                    axis(stored.height, size.height, y, flip_y_), x, y, 4, out_);
    return codecs::Region{stream_->begin_column(), stream_->end_column(), stream_->begin_row(),
                          stream_->end_row(), stream_->readable_behind()};
  }

  void rows(int first_row, int count, const uint8_t* const* rows, int first_column) override {
    Stopwatch stopwatch;
    stream_->push(first_row, count, rows, first_column);
    resize_ms_ += stopwatch.lap_ms();
  }

  Image take() { return std::move(out_); }
  double resize_ms() const { return resize_ms_; }

 private:
  const PreprocessSpec& spec_;
  int64_t max_pixels_;
  bool flip_x_;
  bool flip_y_;
  Image out_;
  std::optional<ResampleStream> stream_;
  double resize_ms_ = 0;
};

}  // namespace

Result<std::optional<Image>> preprocess_rows(std::span<const uint8_t> bytes,
                                             const PreprocessSpec& spec, int64_t max_pixels,
                                             PreprocessResult& result) {
  const bool resizes = spec.resize_mode != ResizeMode::kNone;
  if (sniff_format(bytes) != ImageFormat::kJpeg ||
      (resizes && spec.resize_filter == ResizeFilter::kNearest)) {
    return std::optional<Image>{};
  }
  const int orientation = spec.exif == ExifMode::kTranspose ? codecs::jpeg_orientation(bytes) : 1;
  // Orientations that swap the axes would need the vertical pass first.
  if (orientation >= 5 && orientation <= 8) return std::optional<Image>{};

  Stopwatch stopwatch;
  ResizingConsumer consumer(spec, max_pixels, orientation);
  result.header.format = ImageFormat::kJpeg;
  const auto streamed =
      codecs::stream_jpeg(bytes, {spec.exif, spec.gray16, max_pixels}, result.header, consumer);
  if (!streamed) return streamed.error();
  if (!*streamed) return std::optional<Image>{};
  result.oriented = {result.header.height, result.header.width};
  result.timings.resize_ms = consumer.resize_ms();
  result.timings.decode_ms = stopwatch.lap_ms() - consumer.resize_ms();
  return std::optional<Image>(consumer.take());
}

}  // namespace beralih
