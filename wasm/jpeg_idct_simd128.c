/* libjpeg's accurate integer inverse DCT with WebAssembly's SIMD: libjpeg-turbo's hook for
 * jddctmgr.c (jsimddct.h).
 *
 * It follows libjpeg-turbo's SSE2 and AVX2 versions (simd/x86_64/jidctint-*.asm) step by step, for
 * two reasons. Coefficients outside of what an encoder makes wrap and saturate at 16 bits there,
 * which the scalar jidctint.c does not do, so that a damaged or odd file would give other pixels
 * here than natively. And it is faster.
 */
#include <wasm_simd128.h>

/* Each needs the ones before it. */
#define JPEG_INTERNALS
#include "jinclude.h"

#include "jpeglib.h"

#include "jdct.h"
#include "jsimddct.h"

/* jidctint.c: the constants have 13 fractional bits, pass 1 keeps 2 of them for pass 2. */
#define CONST_BITS 13
#define PASS1_BITS 2
#define F_0_298 2446
#define F_0_390 3196
#define F_0_541 4433
#define F_0_765 6270
#define F_0_899 7373
#define F_1_175 9633
#define F_1_501 12299
#define F_1_847 15137
#define F_1_961 16069
#define F_2_053 16819
#define F_2_562 20995
#define F_3_072 25172

/* Eight 32-bit numbers. */
struct wide {
  v128_t low, high;
};

static struct wide wide_add(struct wide a, struct wide b) {
  return (struct wide){wasm_i32x4_add(a.low, b.low), wasm_i32x4_add(a.high, b.high)};
}

static struct wide wide_subtract(struct wide a, struct wide b) {
  return (struct wide){wasm_i32x4_sub(a.low, b.low), wasm_i32x4_sub(a.high, b.high)};
}

/* x * by_x + y * by_y */
static struct wide rotate(v128_t x, v128_t y, int by_x, int by_y) {
  const v128_t factors = wasm_i32x4_splat((int)((unsigned)by_y << 16 | (by_x & 0xffff)));
  return (struct wide){
      wasm_i32x4_dot_i16x8(wasm_i16x8_shuffle(x, y, 0, 8, 1, 9, 2, 10, 3, 11), factors),
      wasm_i32x4_dot_i16x8(wasm_i16x8_shuffle(x, y, 4, 12, 5, 13, 6, 14, 7, 15), factors)};
}

/* x << CONST_BITS */
static struct wide scale(v128_t x) {
  return (struct wide){wasm_i32x4_shl(wasm_i32x4_extend_low_i16x8(x), CONST_BITS),
                       wasm_i32x4_shl(wasm_i32x4_extend_high_i16x8(x), CONST_BITS)};
}

/* x / 2^bits, rounded, saturated to 16 bits */
static v128_t descale(struct wide x, int bits) {
  const v128_t half = wasm_i32x4_splat(1 << (bits - 1));
  return wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(wasm_i32x4_add(x.low, half), bits),
                                 wasm_i32x4_shr(wasm_i32x4_add(x.high, half), bits));
}

/* The one-dimensional transform of eight lines at once: line[k] holds coefficient k of all. */
static void transform(v128_t line[8], int bits) {
  const struct wide even2 = rotate(line[2], line[6], F_0_541, F_0_541 - F_1_847);
  const struct wide even3 = rotate(line[2], line[6], F_0_541 + F_0_765, F_0_541);
  const struct wide even0 = scale(wasm_i16x8_add(line[0], line[4]));
  const struct wide even1 = scale(wasm_i16x8_sub(line[0], line[4]));
  const struct wide tmp10 = wide_add(even0, even3), tmp13 = wide_subtract(even0, even3);
  const struct wide tmp11 = wide_add(even1, even2), tmp12 = wide_subtract(even1, even2);

  const v128_t sum73 = wasm_i16x8_add(line[7], line[3]), sum51 = wasm_i16x8_add(line[5], line[1]);
  const struct wide z3 = rotate(sum73, sum51, F_1_175 - F_1_961, F_1_175);
  const struct wide z4 = rotate(sum73, sum51, F_1_175, F_1_175 - F_0_390);
  const struct wide odd0 = wide_add(rotate(line[7], line[1], F_0_298 - F_0_899, -F_0_899), z3);
  const struct wide odd1 = wide_add(rotate(line[5], line[3], F_2_053 - F_2_562, -F_2_562), z4);
  const struct wide odd2 = wide_add(rotate(line[5], line[3], -F_2_562, F_3_072 - F_2_562), z3);
  const struct wide odd3 = wide_add(rotate(line[7], line[1], -F_0_899, F_1_501 - F_0_899), z4);

  line[0] = descale(wide_add(tmp10, odd3), bits);
  line[7] = descale(wide_subtract(tmp10, odd3), bits);
  line[1] = descale(wide_add(tmp11, odd2), bits);
  line[6] = descale(wide_subtract(tmp11, odd2), bits);
  line[2] = descale(wide_add(tmp12, odd1), bits);
  line[5] = descale(wide_subtract(tmp12, odd1), bits);
  line[3] = descale(wide_add(tmp13, odd0), bits);
  line[4] = descale(wide_subtract(tmp13, odd0), bits);
}

/* One perfect shuffle of the 64 numbers; three of them transpose. */
static void interleave(v128_t m[8]) {
  v128_t out[8];
  for (int i = 0; i < 4; ++i) {
    out[2 * i] = wasm_i16x8_shuffle(m[i], m[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
    out[2 * i + 1] = wasm_i16x8_shuffle(m[i], m[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
  }
  for (int i = 0; i < 8; ++i) m[i] = out[i];
}

static void transpose(v128_t m[8]) {
  interleave(m);
  interleave(m);
  interleave(m);
}

/* The table holds 32-bit numbers in a build without assembly; the product keeps its low 16 bits. */
static v128_t dequantize(const JCOEF* coefficients, const ISLOW_MULT_TYPE* table) {
  const v128_t factors = wasm_i16x8_shuffle(wasm_v128_load(table), wasm_v128_load(table + 4), 0, 2,
                                            4, 6, 8, 10, 12, 14);
  return wasm_i16x8_mul(wasm_v128_load(coefficients), factors);
}

int jsimd_can_idct_islow(void) { return 1; }

void jsimd_idct_islow(j_decompress_ptr cinfo, jpeg_component_info* compptr, JCOEFPTR coef_block,
                      JSAMPARRAY output_buf, JDIMENSION output_col) {
  (void)cinfo;
  _Static_assert(sizeof(ISLOW_MULT_TYPE) == 4 && sizeof(JCOEF) == 2 && DCTSIZE == 8,
                 "another libjpeg");
  const ISLOW_MULT_TYPE* table = (const ISLOW_MULT_TYPE*)compptr->dct_table;
  v128_t line[8];

  v128_t below_first = wasm_v128_load(coef_block + DCTSIZE);
  for (int i = 2; i < 8; ++i)
    below_first = wasm_v128_or(below_first, wasm_v128_load(coef_block + i * DCTSIZE));
  line[0] = dequantize(coef_block, table);
  if (wasm_v128_any_true(below_first)) {
    for (int i = 1; i < 8; ++i) line[i] = dequantize(coef_block + i * DCTSIZE, table + i * DCTSIZE);
    transform(line, CONST_BITS - PASS1_BITS);
  } else { /* the same but for overflow, which wraps here and saturates there */
    line[0] = wasm_i16x8_shl(line[0], PASS1_BITS);
    for (int i = 1; i < 8; ++i) line[i] = line[0];
  }
  transpose(line);
  transform(line, CONST_BITS + PASS1_BITS + 3);
  transpose(line);

  for (int i = 0; i < 8; i += 2) {
    const v128_t rows = wasm_i8x16_add(wasm_i8x16_narrow_i16x8(line[i], line[i + 1]),
                                       wasm_i8x16_splat((signed char)CENTERJSAMPLE));
    wasm_v128_store64_lane(output_buf[i] + output_col, rows, 0);
    wasm_v128_store64_lane(output_buf[i + 1] + output_col, rows, 1);
  }
}
