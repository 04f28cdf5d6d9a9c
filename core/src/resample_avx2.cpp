// Resampling with AVX2, equal to the scalar kernels bit for bit.
//
// A weight k of 22 bits behind the point does not fit the 16-bit factors of vpmaddwd, so it is
// split: k = 2048 * hi + lo with lo = k mod 2048 in 0..2047 and hi = floor(k / 2048), for negative
// k too. Both fit 16 bits where -2^26 <= k < 2^26; ResampleAxis builds no pairs where one weight
// does not, and the scalar kernels run there. vpmaddwd adds two products of a byte and 16 signed
// bits in 32 bits: at most 2 * 255 * 2^15 < 2^24, exact. The sums of the high and of the low
// products are kept modulo 2^32, and so is 2048 * high + low, which is the scalar kernels' sum
// modulo 2^32: the same 32 bits. The order of the additions does not matter. After the shift the
// values lie in -512..511, so that vpackssdw changes nothing and vpackuswb is the clamp.
#include <immintrin.h>

#include "resample_kernels.h"

namespace beralih {

namespace {

__m256i to_bytes_range(__m256i high, __m256i low) {
  const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high, 11), low);
  const __m256i half = _mm256_set1_epi32(1 << (kWeightBits - 1));
  return _mm256_srai_epi32(_mm256_add_epi32(sum, half), kWeightBits);
}

__m256i load_pixels(const uint8_t* low_lane, const uint8_t* high_lane) {
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(low_lane));
  const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(high_lane));
  return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

void store4(uint8_t* to, int32_t value) { __builtin_memcpy(to, &value, 4); }

// Four rows at a time, two in each register (one a lane), so that a pair of weights is one
// broadcast and a lane ends as one pixel's R, G, B sums. The fourth byte of a pixel that is stored
// is overwritten by the next one.
template <int kPixelBytes>
void four_rows(const AxisView& axis, const uint8_t* const rows[4], uint8_t* const out[4]) {
  constexpr char n = -1;
  // Pixels 0 and 1 (then 2 and 3) as 16-bit pairs (R0 R1) (G0 G1) (B0 B1).
  const __m256i first = kPixelBytes == 4 ? _mm256_broadcastsi128_si256(_mm_setr_epi8(
                                               0, n, 4, n, 1, n, 5, n, 2, n, 6, n, n, n, n, n))
                                         : _mm256_broadcastsi128_si256(_mm_setr_epi8(
                                               0, n, 3, n, 1, n, 4, n, 2, n, 5, n, n, n, n, n));
  const __m256i second = kPixelBytes == 4 ? _mm256_broadcastsi128_si256(_mm_setr_epi8(
                                                8, n, 12, n, 9, n, 13, n, 10, n, 14, n, n, n, n, n))
                                          : _mm256_broadcastsi128_si256(_mm_setr_epi8(
                                                6, n, 9, n, 7, n, 10, n, 8, n, 11, n, n, n, n, n));
  const int32_t* pairs = axis.pairs;
  const int groups = axis.groups;
  for (int x = 0; x < axis.outputs; ++x) {
    int64_t offset = static_cast<int64_t>(axis.firsts[x]) * kPixelBytes;
    __m256i high_a = _mm256_setzero_si256(), low_a = high_a, high_b = high_a, low_b = high_a;
    for (int g = 0; g < groups; ++g, pairs += 4, offset += 4 * kPixelBytes) {
      const __m256i a = load_pixels(rows[0] + offset, rows[1] + offset);
      const __m256i b = load_pixels(rows[2] + offset, rows[3] + offset);
      const __m256i a01 = _mm256_shuffle_epi8(a, first), a23 = _mm256_shuffle_epi8(a, second);
      const __m256i b01 = _mm256_shuffle_epi8(b, first), b23 = _mm256_shuffle_epi8(b, second);
      const __m256i high01 = _mm256_set1_epi32(pairs[0]), low01 = _mm256_set1_epi32(pairs[1]);
      const __m256i high23 = _mm256_set1_epi32(pairs[2]), low23 = _mm256_set1_epi32(pairs[3]);
      high_a = _mm256_add_epi32(high_a, _mm256_madd_epi16(a01, high01));
      low_a = _mm256_add_epi32(low_a, _mm256_madd_epi16(a01, low01));
      high_b = _mm256_add_epi32(high_b, _mm256_madd_epi16(b01, high01));
      low_b = _mm256_add_epi32(low_b, _mm256_madd_epi16(b01, low01));
      high_a = _mm256_add_epi32(high_a, _mm256_madd_epi16(a23, high23));
      low_a = _mm256_add_epi32(low_a, _mm256_madd_epi16(a23, low23));
      high_b = _mm256_add_epi32(high_b, _mm256_madd_epi16(b23, high23));
      low_b = _mm256_add_epi32(low_b, _mm256_madd_epi16(b23, low23));
    }
    const __m256i words =
        _mm256_packs_epi32(to_bytes_range(high_a, low_a), to_bytes_range(high_b, low_b));
    const __m256i bytes = _mm256_packus_epi16(words, words);
    const __m128i rows02 = _mm256_castsi256_si128(bytes);
    const __m128i rows13 = _mm256_extracti128_si256(bytes, 1);
    store4(out[0] + x * 3, _mm_cvtsi128_si32(rows02));
    store4(out[1] + x * 3, _mm_cvtsi128_si32(rows13));
    store4(out[2] + x * 3, _mm_extract_epi32(rows02, 1));
    store4(out[3] + x * 3, _mm_extract_epi32(rows13, 1));
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

struct Sums {
  __m256i high, low;
  void add(__m256i rows, __m256i high_weights, __m256i low_weights) {
    high = _mm256_add_epi32(high, _mm256_madd_epi16(rows, high_weights));
    low = _mm256_add_epi32(low, _mm256_madd_epi16(rows, low_weights));
  }
};

// Two rows at a time, interleaved, so that vpmaddwd adds both.
void vertical_32(const int32_t* pairs, const uint8_t* const* rows, int count, int x, uint8_t* out) {
  const __m256i zero = _mm256_setzero_si256();
  Sums s0{zero, zero}, s1 = s0, s2 = s0, s3 = s0;
  for (int i = 0; i < count; i += 2, pairs += 2) {
    // The second weight of an odd window's last pair is 0: any row does.
    const uint8_t* next = rows[i + 1 < count ? i + 1 : i];
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[i] + x));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(next + x));
    const __m256i high = _mm256_set1_epi32(pairs[0]), low = _mm256_set1_epi32(pairs[1]);
    const __m256i front = _mm256_unpacklo_epi8(a, b), back = _mm256_unpackhi_epi8(a, b);
    s0.add(_mm256_unpacklo_epi8(front, zero), high, low);
    s1.add(_mm256_unpackhi_epi8(front, zero), high, low);
    s2.add(_mm256_unpacklo_epi8(back, zero), high, low);
    s3.add(_mm256_unpackhi_epi8(back, zero), high, low);
  }
  const __m256i front =
      _mm256_packs_epi32(to_bytes_range(s0.high, s0.low), to_bytes_range(s1.high, s1.low));
  const __m256i back =
      _mm256_packs_epi32(to_bytes_range(s2.high, s2.low), to_bytes_range(s3.high, s3.low));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + x), _mm256_packus_epi16(front, back));
}

void vertical(const AxisView& axis, int output, const uint8_t* const* rows, int bytes,
              uint8_t* out) {
  const int32_t* pairs = axis.pairs + static_cast<int64_t>(output) * axis.groups * 4;
  const int count = axis.counts[output];
  int x = 0;
  for (; x + 32 <= bytes; x += 32) vertical_32(pairs, rows, count, x, out);
  if (x == bytes) return;
  if (bytes >= 32) {
    vertical_32(pairs, rows, count, bytes - 32, out);  // the last 32, some of them again
    return;
  }
  const int32_t* w = axis.weights + static_cast<int64_t>(output) * axis.window_size;
  for (; x < bytes; ++x) {
    int32_t sum = 1 << (kWeightBits - 1);
    for (int i = 0; i < count; ++i) sum += rows[i][x] * w[i];
    sum >>= kWeightBits;
    out[x] = static_cast<uint8_t>(sum < 0 ? 0 : sum > 255 ? 255 : sum);
  }
}

}  // namespace

extern const ResampleKernels kAvx2Kernels;
const ResampleKernels kAvx2Kernels{"avx2", true, horizontal, vertical};

}  // namespace beralih
