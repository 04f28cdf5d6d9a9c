// Resampling with WebAssembly's SIMD, equal to the scalar kernels bit for bit: the arithmetic that
// resample_avx2.cpp explains, in registers half as wide.
#include <wasm_simd128.h>

#include "resample_kernels.h"

namespace beralih {

namespace {

v128_t to_bytes_range(v128_t high, v128_t low) {
  const v128_t sum = wasm_i32x4_add(wasm_i32x4_shl(high, 11), low);
  const v128_t half = wasm_i32x4_splat(1 << (kWeightBits - 1));
  return wasm_i32x4_shr(wasm_i32x4_add(sum, half), kWeightBits);
}

struct Sums {
  v128_t high, low;
  void add(v128_t values, v128_t high_weights, v128_t low_weights) {
    high = wasm_i32x4_add(high, wasm_i32x4_dot_i16x8(values, high_weights));
    low = wasm_i32x4_add(low, wasm_i32x4_dot_i16x8(values, low_weights));
  }
  v128_t bytes_range() const { return to_bytes_range(high, low); }
};

// Pixels 0 and 1 (then 2 and 3) of 16 bytes as 16-bit pairs (R0 R1) (G0 G1) (B0 B1).
template <int kPixelBytes>
v128_t first_pair(v128_t pixels) {
  const v128_t zero = wasm_i32x4_splat(0);
  return kPixelBytes == 4 ? wasm_i8x16_shuffle(pixels, zero, 0, 16, 4, 16, 1, 16, 5, 16, 2, 16, 6,
                                               16, 16, 16, 16, 16)
                          : wasm_i8x16_shuffle(pixels, zero, 0, 16, 3, 16, 1, 16, 4, 16, 2, 16, 5,
                                               16, 16, 16, 16, 16);
}

template <int kPixelBytes>
v128_t second_pair(v128_t pixels) {
  const v128_t zero = wasm_i32x4_splat(0);
  return kPixelBytes == 4 ? wasm_i8x16_shuffle(pixels, zero, 8, 16, 12, 16, 9, 16, 13, 16, 10, 16,
                                               14, 16, 16, 16, 16, 16)
                          : wasm_i8x16_shuffle(pixels, zero, 6, 16, 9, 16, 7, 16, 10, 16, 8, 16, 11,
                                               16, 16, 16, 16, 16);
}

// Four rows at a time, so that a pair of weights is read once for them. The fourth byte of a pixel
// that is stored is overwritten by the next one.
template <int kPixelBytes>
void four_rows(const AxisView& axis, const uint8_t* const rows[4], uint8_t* const out[4]) {
  const v128_t zero = wasm_i32x4_splat(0);
  const int32_t* pairs = axis.pairs;
  for (int x = 0; x < axis.outputs; ++x) {
    int64_t offset = static_cast<int64_t>(axis.firsts[x]) * kPixelBytes;
    Sums s0{zero, zero}, s1 = s0, s2 = s0, s3 = s0;
    for (int g = 0; g < axis.groups; ++g, pairs += 4, offset += 4 * kPixelBytes) {
      const v128_t r0 = wasm_v128_load(rows[0] + offset), r1 = wasm_v128_load(rows[1] + offset);
      const v128_t r2 = wasm_v128_load(rows[2] + offset), r3 = wasm_v128_load(rows[3] + offset);
      const v128_t high01 = wasm_v128_load32_splat(pairs),
                   low01 = wasm_v128_load32_splat(pairs + 1);
      s0.add(first_pair<kPixelBytes>(r0), high01, low01);
      s1.add(first_pair<kPixelBytes>(r1), high01, low01);
      s2.add(first_pair<kPixelBytes>(r2), high01, low01);
      s3.add(first_pair<kPixelBytes>(r3), high01, low01);
      const v128_t high23 = wasm_v128_load32_splat(pairs + 2),
                   low23 = wasm_v128_load32_splat(pairs + 3);
      s0.add(second_pair<kPixelBytes>(r0), high23, low23);
      s1.add(second_pair<kPixelBytes>(r1), high23, low23);
      s2.add(second_pair<kPixelBytes>(r2), high23, low23);
      s3.add(second_pair<kPixelBytes>(r3), high23, low23);
    }
    const v128_t bytes =
        wasm_u8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(s0.bytes_range(), s1.bytes_range()),
                                wasm_i16x8_narrow_i32x4(s2.bytes_range(), s3.bytes_range()));
    wasm_v128_store32_lane(out[0] + x * 3, bytes, 0);
    wasm_v128_store32_lane(out[1] + x * 3, bytes, 1);
    wasm_v128_store32_lane(out[2] + x * 3, bytes, 2);
    wasm_v128_store32_lane(out[3] + x * 3, bytes, 3);
  }
}

void horizontal(const AxisView& axis, int pixel_bytes, int origin, const uint8_t* const* rows,
                int count, uint8_t* const* out) {
  for (int y = 0; y < count; y += 4) {
    const uint8_t* from[4];
    uint8_t* to[4];
    for (int i = 0; i < 4; ++i) {
      // Fewer than four rows are left: the last one again, to the same place.
      const int row = y + i < count ? y + i : count - 1;
      from[i] = rows[row] - static_cast<int64_t>(origin) * pixel_bytes;
      to[i] = out[row];
    }
    pixel_bytes == 4 ? four_rows<4>(axis, from, to) : four_rows<3>(axis, from, to);
  }
}

// Sixteen columns; two rows at a time, interleaved, so that the dot product adds both.
void vertical_16(const int32_t* pairs, const uint8_t* const* rows, int count, int x, uint8_t* out) {
  const v128_t zero = wasm_i32x4_splat(0);
  Sums s0{zero, zero}, s1 = s0, s2 = s0, s3 = s0;
  for (int i = 0; i < count; i += 2, pairs += 2) {
    // The second weight of an odd window's last pair is 0: any row does.
    const uint8_t* next = rows[i + 1 < count ? i + 1 : i];
    const v128_t a = wasm_v128_load(rows[i] + x), b = wasm_v128_load(next + x);
    const v128_t high = wasm_v128_load32_splat(pairs), low = wasm_v128_load32_splat(pairs + 1);
    const v128_t front =
        wasm_i8x16_shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const v128_t back =
        wasm_i8x16_shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    s0.add(wasm_u16x8_extend_low_u8x16(front), high, low);
    s1.add(wasm_u16x8_extend_high_u8x16(front), high, low);
    s2.add(wasm_u16x8_extend_low_u8x16(back), high, low);
    s3.add(wasm_u16x8_extend_high_u8x16(back), high, low);
  }
  wasm_v128_store(out + x, wasm_u8x16_narrow_i16x8(
                               wasm_i16x8_narrow_i32x4(s0.bytes_range(), s1.bytes_range()),
                               wasm_i16x8_narrow_i32x4(s2.bytes_range(), s3.bytes_range())));
}

void vertical(const AxisView& axis, int output, const uint8_t* const* rows, int bytes,
              uint8_t* out) {
  if (bytes < 16) {
    kScalarKernels.vertical(axis, output, rows, bytes, out);
    return;
  }
  const int32_t* pairs = axis.pairs + static_cast<int64_t>(output) * axis.groups * 4;
  const int count = axis.counts[output];
  int x = 0;
  for (; x + 16 <= bytes; x += 16) vertical_16(pairs, rows, count, x, out);
  // The last sixteen, some of them again.
  if (x < bytes) vertical_16(pairs, rows, count, bytes - 16, out);
}

}  // namespace

extern const ResampleKernels kSimd128Kernels;
const ResampleKernels kSimd128Kernels{"simd128", true, horizontal, vertical};

}  // namespace beralih
