// Sizes, crops and whole images; the weights are in resample_axis.cpp, the inner loops in
// resample_scalar.cpp and its siblings. Line comments name Pillow's and torchvision's lines.
#include "beralih/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "resample_stream.h"

namespace beralih {

namespace {

// Geometry.c 876-956 (ImagingScaleAffine): the input index under each output pixel's centre,
// accumulated by addition as there.
std::vector<int> nearest_indices(int in_size, int out_size) {
  const double scale = static_cast<double>(in_size) / out_size;
  std::vector<int> indices(static_cast<size_t>(out_size), -1);
  double position = scale * 0.5;
  for (int& index : indices) {
    const int candidate = position < 0.0 ? -1 : static_cast<int>(position);
    if (candidate >= 0 && candidate < in_size) index = candidate;
    position += scale;
  }
  return indices;
}

Image resize_nearest(const Image& in, Size size) {
  Image out = Image::allocate(size.height, size.width);
  const auto columns = nearest_indices(in.width, size.width);
  const auto rows = nearest_indices(in.height, size.height);
  for (int y = 0; y < size.height; ++y) {
    const int from_row = rows[static_cast<size_t>(y)];
    if (from_row < 0) continue;
    const uint8_t* from = in.row(from_row);
    uint8_t* to = out.row(y);
    for (const int column : columns) {
      if (column >= 0) std::copy_n(from + static_cast<size_t>(column) * 3, 3, to);
      to += 3;
    }
  }
  return out;
}

// Some outputs of one axis; nullptr where nothing changes along it (Resample.c 632).
std::shared_ptr<const ResampleAxis> axis_or_null(int in, int out, AxisCrop crop,
                                                 ResizeFilter filter) {
  if (in == out) return nullptr;
  return resample_axis({in, out, crop.source, crop.count, filter, false});
}

}  // namespace

Size resized_size(Size image, const PreprocessSpec& spec) {
  const auto scaled = [](int64_t target, int64_t side, int64_t reference) {
    return static_cast<int>(std::max<int64_t>(target * side / reference, 1));
  };
  const int target = spec.resize_size.height;
  switch (spec.resize_mode) {
    case ResizeMode::kNone: return image;
    case ResizeMode::kExact: return spec.resize_size;
    case ResizeMode::kShorterSide:
      return image.width <= image.height ? Size{scaled(target, image.height, image.width), target}
                                         : Size{target, scaled(target, image.width, image.height)};
    case ResizeMode::kLongestSide:
      return image.width >= image.height ? Size{scaled(target, image.height, image.width), target}
                                         : Size{target, scaled(target, image.width, image.height)};
  }
  return image;
}

Result<Image> resize(const Image& image, Size size, ResizeFilter filter) {
  return resize_and_crop(image, size, filter, std::nullopt, {});
}

AxisCrop axis_crop(int size, int crop) {
  // functional.py 575-584: padding goes half to the left and top (rounded down), the rest behind.
  if (crop >= size) return {0, (crop - size) / 2, size};
  // functional.py 592-593: Python's round(), half to even, as nearbyint in the default mode.
  return {static_cast<int>(std::nearbyint((size - crop) / 2.0)), 0, crop};
}

void blank_crop(Size size, std::array<uint8_t, 3> pad_value, Image& out) {
  out.height = size.height;
  out.width = size.width;
  out.pixels.assign(out.stride() * static_cast<size_t>(size.height), 0);
  if (pad_value == std::array<uint8_t, 3>{}) return;
  for (size_t i = 0; i < out.pixels.size(); ++i) out.pixels[i] = pad_value[i % 3];
}

Image center_crop(const Image& image, Size size, std::array<uint8_t, 3> pad_value) {
  const AxisCrop x = axis_crop(image.width, size.width);
  const AxisCrop y = axis_crop(image.height, size.height);
  Image out;
  blank_crop(size, pad_value, out);
  for (int i = 0; i < y.count; ++i) {
    std::memcpy(out.row(y.target + i) + static_cast<size_t>(x.target) * 3,
                image.row(y.source + i) + static_cast<size_t>(x.source) * 3,
                static_cast<size_t>(x.count) * 3);
  }
  return out;
}

Result<Image> resize_and_crop(const Image& image, Size size, ResizeFilter filter,
                              std::optional<Size> crop, std::array<uint8_t, 3> pad_value) {
  if (size.width < 1 || size.height < 1 || image.width < 1 || image.height < 1) {
    return Error{ErrorCode::kInvalidArgument, "cannot resize to or from a size below 1 x 1"};
  }
  const Size target = crop.value_or(size);
  if (Size{image.height, image.width} == size) {  // Image.py 2166: same size copies
    return crop ? center_crop(image, target, pad_value) : image;
  }
  if (filter == ResizeFilter::kNearest) {
    Image resized = resize_nearest(image, size);
    return crop ? center_crop(resized, target, pad_value) : resized;
  }
  const AxisCrop x = axis_crop(size.width, target.width);
  const AxisCrop y = axis_crop(size.height, target.height);
  Image out;
  blank_crop(target, pad_value, out);
  StreamBuffers buffers;
  ResampleStream stream(axis_or_null(image.width, size.width, x, filter),
                        axis_or_null(image.height, size.height, y, filter), x, y, 3, out, buffers);
  const int last_row = stream.end_row();
  for (int row = stream.begin_row(); row < last_row; row += ResampleStream::kBatch) {
    const int rows = std::min(ResampleStream::kBatch, last_row - row);
    stream.push_image_rows(image, row, rows);
  }
  return out;
}

}  // namespace beralih
