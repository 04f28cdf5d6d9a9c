// Resampling in plain C++: the reference for the other instruction sets, and what runs without
// them.
#include "resample_kernels.h"

namespace beralih {

namespace {

constexpr int32_t kHalf = 1 << (kWeightBits - 1);

uint8_t clip8(int32_t value) {
  const int32_t byte = value >> kWeightBits;
  return static_cast<uint8_t>(byte < 0 ? 0 : byte > 255 ? 255 : byte);
}

template <int kPixelBytes>
void resample_row(const AxisView& axis, const uint8_t* row, uint8_t* to) {
  for (int x = 0; x < axis.outputs; ++x, to += 3) {
    const int32_t* w = axis.weights + static_cast<int64_t>(x) * axis.window_size;
    const uint8_t* pixel = row + static_cast<int64_t>(axis.firsts[x]) * kPixelBytes;
    int32_t r = kHalf, g = kHalf, b = kHalf;
    for (int i = 0; i < axis.counts[x]; ++i, pixel += kPixelBytes) {
      r += pixel[0] * w[i];
      g += pixel[1] * w[i];
      b += pixel[2] * w[i];
    }
    to[0] = clip8(r);
    to[1] = clip8(g);
    to[2] = clip8(b);
  }
}

void horizontal(const AxisView& axis, int pixel_bytes, int origin, const uint8_t* const* rows,
                int count, uint8_t* const* out) {
  for (int y = 0; y < count; ++y) {
    const uint8_t* row = rows[y] - static_cast<int64_t>(origin) * pixel_bytes;
    pixel_bytes == 4 ? resample_row<4>(axis, row, out[y]) : resample_row<3>(axis, row, out[y]);
  }
}

// In strips, whose sums stay in the nearest cache.
void vertical(const AxisView& axis, int output, const uint8_t* const* rows, int bytes,
              uint8_t* out) {
  constexpr int kStrip = 256;
  const int32_t* w = axis.weights + static_cast<int64_t>(output) * axis.window_size;
  const int count = axis.counts[output];
  int32_t sums[kStrip];
  for (int start = 0; start < bytes; start += kStrip) {
    const int length = bytes - start < kStrip ? bytes - start : kStrip;
    for (int x = 0; x < length; ++x) sums[x] = kHalf;
    for (int i = 0; i < count; ++i) {
      const uint8_t* from = rows[i] + start;
      const int32_t weight = w[i];
      for (int x = 0; x < length; ++x) sums[x] += from[x] * weight;
    }
    for (int x = 0; x < length; ++x) out[start + x] = clip8(sums[x]);
  }
}

}  // namespace

const ResampleKernels kScalarKernels{"scalar", false, horizontal, vertical};

}  // namespace beralih
