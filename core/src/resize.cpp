// A rewrite of Pillow's libImaging/Resample.c in C++; file and line comments name Pillow's lines.
#include "beralih/resize.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace beralih {

namespace {

// Resample.c 97: PRECISION_BITS (32 - 8 - 2): 8 bits of result, 2 bits of overshoot.
constexpr int kPrecisionBits = 32 - 8 - 2;

uint8_t clip8(int32_t value) {
  return static_cast<uint8_t>(std::clamp(value >> kPrecisionBits, 0, 255));
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x = x * M_PI;
  return std::sin(x) / x;
}

// Resample.c 9-81: the kernels, over their own supports.
double kernel(ResizeFilter filter, double x) {
  switch (filter) {
    case ResizeFilter::kNearest: break;
    case ResizeFilter::kBox: return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    case ResizeFilter::kBilinear: x = std::fabs(x); return x < 1.0 ? 1.0 - x : 0.0;
    case ResizeFilter::kHamming:
      x = std::fabs(x);
      if (x == 0.0) return 1.0;
      if (x >= 1.0) return 0.0;
      x = x * M_PI;
      return std::sin(x) / x * (0.54 + 0.46 * std::cos(x));
    case ResizeFilter::kBicubic: {
      constexpr double a = -0.5;
      x = std::fabs(x);
      if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
      if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
      return 0.0;
    }
    case ResizeFilter::kLanczos: return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
  }
  return 0.0;
}

double kernel_support(ResizeFilter filter) {
  switch (filter) {
    case ResizeFilter::kBox: return 0.5;
    case ResizeFilter::kBilinear:
    case ResizeFilter::kHamming: return 1.0;
    case ResizeFilter::kBicubic: return 2.0;
    case ResizeFilter::kLanczos: return 3.0;
    case ResizeFilter::kNearest: break;
  }
  return 0.0;
}

// Resample.c 307-320: to fixed point, rounded half away from zero.
int32_t fixed_point(double weight) {
  const double scaled = weight * (1 << kPrecisionBits);
  return static_cast<int32_t>(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

// Rows [first_row, first_row + rows) of `in`, resampled along x.
Image horizontal_pass(const Image& in, int first_row, int rows, const ResampleWeights& weights) {
  Image out = Image::allocate(rows, static_cast<int>(weights.windows.size()));
  for (int y = 0; y < rows; ++y) {
    const uint8_t* from = in.row(y + first_row);
    uint8_t* to = out.row(y);
    for (size_t x = 0; x < weights.windows.size(); ++x, to += 3) {
      const auto [first, count] = weights.windows[x];
      const int32_t* w = weights.weights.data() + x * static_cast<size_t>(weights.window_size);
      const uint8_t* pixel = from + static_cast<size_t>(first) * 3;
      int32_t r = 1 << (kPrecisionBits - 1), g = r, b = r;
      for (int i = 0; i < count; ++i, pixel += 3) {
        r += pixel[0] * w[i];
        g += pixel[1] * w[i];
        b += pixel[2] * w[i];
      }
      to[0] = clip8(r);
      to[1] = clip8(g);
      to[2] = clip8(b);
    }
  }
  return out;
}

// `first_row`: which row of the original image is row 0 of `in`.
Image vertical_pass(const Image& in, int first_row, const ResampleWeights& weights) {
  Image out = Image::allocate(static_cast<int>(weights.windows.size()), in.width);
  const size_t stride = in.stride();
  std::vector<int32_t> sums(stride);
  for (size_t y = 0; y < weights.windows.size(); ++y) {
    const auto [first, count] = weights.windows[y];
    const int32_t* w = weights.weights.data() + y * static_cast<size_t>(weights.window_size);
    std::fill(sums.begin(), sums.end(), 1 << (kPrecisionBits - 1));
    for (int i = 0; i < count; ++i) {
      const uint8_t* from = in.row(first + i - first_row);
      const int32_t weight = w[i];
      for (size_t x = 0; x < stride; ++x) sums[x] += from[x] * weight;
    }
    uint8_t* to = out.row(static_cast<int>(y));
    for (size_t x = 0; x < stride; ++x) to[x] = clip8(sums[x]);
  }
  return out;
}

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

}  // namespace

// Resample.c 183-283 (precompute_coeffs).
ResampleWeights resample_weights(int in_size, int out_size, ResizeFilter filter) {
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = kernel_support(filter) * filter_scale;
  ResampleWeights result;
  result.window_size = static_cast<int>(std::ceil(support)) * 2 + 1;
  result.windows.resize(static_cast<size_t>(out_size));
  result.weights.assign(static_cast<size_t>(out_size) * static_cast<size_t>(result.window_size), 0);
  std::vector<double> window(static_cast<size_t>(result.window_size));
  const double inverse_scale = 1.0 / filter_scale;
  for (int out = 0; out < out_size; ++out) {
    const double center = (out + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int last = std::min(static_cast<int>(center + support + 0.5), in_size);
    const int count = last - first;
    double sum = 0.0;
    for (int i = 0; i < count; ++i) {
      const double w = kernel(filter, (i + first - center + 0.5) * inverse_scale);
      window[static_cast<size_t>(i)] = w;
      sum += w;
    }
    int32_t* fixed =
        result.weights.data() + static_cast<size_t>(out) * static_cast<size_t>(result.window_size);
    for (int i = 0; i < count; ++i) {
      double& w = window[static_cast<size_t>(i)];
      if (sum != 0.0) w /= sum;
      fixed[i] = fixed_point(w);
    }
    result.windows[static_cast<size_t>(out)] = {first, count};
  }
  return result;
}

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
  if (size.width < 1 || size.height < 1 || image.width < 1 || image.height < 1) {
    return Error{ErrorCode::kInvalidArgument, "cannot resize to or from a size below 1 x 1"};
  }
  if (Size{image.height, image.width} == size) return image;  // Image.py 2166: same size copies
  if (filter == ResizeFilter::kNearest) return resize_nearest(image, size);
  const bool horizontal = size.width != image.width;
  const bool vertical = size.height != image.height;
  const auto columns = resample_weights(image.width, size.width, filter);
  const auto rows = resample_weights(image.height, size.height, filter);
  if (!vertical) return horizontal_pass(image, 0, image.height, columns);
  if (!horizontal) return vertical_pass(image, 0, rows);
  // Resample.c 632-660: the horizontal pass covers only the rows that the vertical one will read.
  const int first_row = rows.windows.front().first;
  const int last_row = rows.windows.back().first + rows.windows.back().count;
  return vertical_pass(horizontal_pass(image, first_row, last_row - first_row, columns), first_row,
                       rows);
}

Image center_crop(const Image& image, Size size, std::array<uint8_t, 3> pad_value) {
  // functional.py 575-584: padding goes half to the left and top (rounded down), the rest behind.
  const int pad_left = size.width > image.width ? (size.width - image.width) / 2 : 0;
  const int pad_top = size.height > image.height ? (size.height - image.height) / 2 : 0;
  const int padded_width = std::max(size.width, image.width);
  const int padded_height = std::max(size.height, image.height);
  // functional.py 592-593: Python's round(), half to even, as nearbyint in the default mode.
  const int top = static_cast<int>(std::nearbyint((padded_height - size.height) / 2.0));
  const int left = static_cast<int>(std::nearbyint((padded_width - size.width) / 2.0));

  Image out = Image::allocate(size.height, size.width);
  for (int y = 0; y < size.height; ++y) {
    uint8_t* to = out.row(y);
    const int source_y = y + top - pad_top;
    for (int x = 0; x < size.width; ++x, to += 3) {
      const int source_x = x + left - pad_left;
      const bool inside =
          source_y >= 0 && source_y < image.height && source_x >= 0 && source_x < image.width;
      const uint8_t* from =
          inside ? image.row(source_y) + static_cast<size_t>(source_x) * 3 : pad_value.data();
      std::copy_n(from, 3, to);
    }
  }
  return out;
}

}  // namespace beralih
