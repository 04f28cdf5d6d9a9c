/* libjpeg-turbo's hooks for vector code (jsimd.h), with WebAssembly's SIMD: chroma upsampling and
 * colour conversion, to the same bytes as jdsample.c and jdcolext.c. The inverse DCT is in
 * jpeg_idct_simd128.c. The hooks that stand in neither file keep jsimd_none.c's answer: no.
 *
 * Rows of libjpeg's own buffers are multiples of 16 bytes (jmemmgr.c, alloc_sarray), those of
 * components whole blocks of 8: upsampling may read and write that far. Rows that the caller
 * brings are written to their last pixel and no further.
 */
#include <wasm_simd128.h>

/* Each needs the ones before it. */
#define JPEG_INTERNALS
#include "jinclude.h"

#include "jpeglib.h"

#include "jsimd.h"

/* Numbers 1..8 of the sixteen in (a, b), and 7..14: one further, one back. */
#define NEXT(a, b) wasm_i16x8_shuffle(a, b, 1, 2, 3, 4, 5, 6, 7, 8)
#define PREVIOUS(a, b) wasm_i16x8_shuffle(a, b, 7, 8, 9, 10, 11, 12, 13, 14)

/* 3 * here + other, rounded to 2^bits; even and odd columns round in opposite ways. */
static v128_t blend(v128_t before, v128_t here, v128_t after, int even_bias, int odd_bias,
                    int bits) {
  const v128_t thrice = wasm_i16x8_mul(here, wasm_i16x8_splat(3));
  const v128_t even = wasm_i16x8_add(wasm_i16x8_add(thrice, before), wasm_i16x8_splat(even_bias));
  const v128_t odd = wasm_i16x8_add(wasm_i16x8_add(thrice, after), wasm_i16x8_splat(odd_bias));
  return wasm_v128_or(wasm_u16x8_shr(even, bits), wasm_i16x8_shl(wasm_u16x8_shr(odd, bits), 8));
}

/* jdsample.c, h2v2_fancy_upsample: columns are blended 3 : 1 with the row next to them, then with
 * their neighbours. */
static v128_t column_sums(const JSAMPLE* near, const JSAMPLE* far) {
  const v128_t thrice = wasm_i16x8_mul(wasm_u16x8_load8x8(near), wasm_i16x8_splat(3));
  return wasm_i16x8_add(thrice, wasm_u16x8_load8x8(far));
}

static void upsample_row_h2v2(const JSAMPLE* near, const JSAMPLE* far, JSAMPLE* out, int width) {
  v128_t here = column_sums(near, far);
  v128_t before = wasm_i16x8_shuffle(here, here, 0, 0, 1, 2, 3, 4, 5, 6);
  for (int x = 0; x < width; x += 8) {
    const v128_t following = x + 8 < width ? column_sums(near + x + 8, far + x + 8) : here;
    wasm_v128_store(out + 2 * x, blend(before, here, NEXT(here, following), 8, 7, 4));
    before = PREVIOUS(here, following);
    here = following;
  }
  out[2 * width - 1] = (JSAMPLE)(((near[width - 1] * 3 + far[width - 1]) * 4 + 7) >> 4);
}

int jsimd_can_h2v2_fancy_upsample(void) { return 1; }

void jsimd_h2v2_fancy_upsample(j_decompress_ptr cinfo, jpeg_component_info* compptr,
                               JSAMPARRAY input_data, JSAMPARRAY* output_data_ptr) {
  JSAMPARRAY out = *output_data_ptr;
  const int width = (int)compptr->downsampled_width;
  for (int row = 0; 2 * row < cinfo->max_v_samp_factor; ++row) {
    upsample_row_h2v2(input_data[row], input_data[row - 1], out[2 * row], width);
    upsample_row_h2v2(input_data[row], input_data[row + 1], out[2 * row + 1], width);
  }
}

/* jdsample.c, h2v1_fancy_upsample */
static void upsample_row_h2v1(const JSAMPLE* in, JSAMPLE* out, int width) {
  v128_t here = wasm_u16x8_load8x8(in);
  v128_t before = wasm_i16x8_shuffle(here, here, 0, 0, 1, 2, 3, 4, 5, 6);
  for (int x = 0; x < width; x += 8) {
    const v128_t following = x + 8 < width ? wasm_u16x8_load8x8(in + x + 8) : here;
    wasm_v128_store(out + 2 * x, blend(before, here, NEXT(here, following), 1, 2, 2));
    before = PREVIOUS(here, following);
    here = following;
  }
  out[2 * width - 1] = in[width - 1];
}

int jsimd_can_h2v1_fancy_upsample(void) { return 1; }

void jsimd_h2v1_fancy_upsample(j_decompress_ptr cinfo, jpeg_component_info* compptr,
                               JSAMPARRAY input_data, JSAMPARRAY* output_data_ptr) {
  for (int row = 0; row < cinfo->max_v_samp_factor; ++row) {
    upsample_row_h2v1(input_data[row], (*output_data_ptr)[row], (int)compptr->downsampled_width);
  }
}

/* jdcolor.c, build_ycc_rgb_table. Its factors of 16 fractional bits, less whole numbers, so that
 * they fit 16 bits: 1.402 = 1 + 0.402, 1.772 = 2 - 0.228, -0.71414 = -1 + 0.28586. */
enum { kCrToRed = 26345, kCbToBlue = -14942, kCrToGreen = 18734, kCbToGreen = -22554 };

/* (cr * by_cr + cb * by_cb) / 2^16, rounded */
static v128_t chroma(v128_t low, v128_t high, int by_cr, int by_cb) {
  const v128_t factors = wasm_i32x4_splat((int)((unsigned)by_cb << 16 | (by_cr & 0xffff)));
  const v128_t half = wasm_i32x4_splat(1 << 15);
  return wasm_i16x8_narrow_i32x4(
      wasm_i32x4_shr(wasm_i32x4_add(wasm_i32x4_dot_i16x8(low, factors), half), 16),
      wasm_i32x4_shr(wasm_i32x4_add(wasm_i32x4_dot_i16x8(high, factors), half), 16));
}

struct pixels {
  v128_t red, green, blue; /* eight 16-bit numbers each, not yet clamped */
};

static struct pixels to_rgb(v128_t y, v128_t cb, v128_t cr) {
  cb = wasm_i16x8_sub(cb, wasm_i16x8_splat(CENTERJSAMPLE));
  cr = wasm_i16x8_sub(cr, wasm_i16x8_splat(CENTERJSAMPLE));
  const v128_t low = wasm_i16x8_shuffle(cr, cb, 0, 8, 1, 9, 2, 10, 3, 11);
  const v128_t high = wasm_i16x8_shuffle(cr, cb, 4, 12, 5, 13, 6, 14, 7, 15);
  return (struct pixels){
      wasm_i16x8_add(wasm_i16x8_add(y, cr), chroma(low, high, kCrToRed, 0)),
      wasm_i16x8_add(wasm_i16x8_sub(y, cr), chroma(low, high, kCrToGreen, kCbToGreen)),
      wasm_i16x8_add(wasm_i16x8_add(y, wasm_i16x8_shl(cb, 1)), chroma(low, high, 0, kCbToBlue))};
}

/* Sixteen pixels, of 4 bytes (the fourth is 255) or of 3. */
static void convert_16(const JSAMPLE* y, const JSAMPLE* cb, const JSAMPLE* cr, JSAMPLE* out,
                       int pixel_bytes) {
  const struct pixels a =
      to_rgb(wasm_u16x8_load8x8(y), wasm_u16x8_load8x8(cb), wasm_u16x8_load8x8(cr));
  const struct pixels b =
      to_rgb(wasm_u16x8_load8x8(y + 8), wasm_u16x8_load8x8(cb + 8), wasm_u16x8_load8x8(cr + 8));
  const v128_t red = wasm_u8x16_narrow_i16x8(a.red, b.red);
  const v128_t green = wasm_u8x16_narrow_i16x8(a.green, b.green);
  const v128_t blue = wasm_u8x16_narrow_i16x8(a.blue, b.blue);
  const v128_t full = wasm_u8x16_splat(MAXJSAMPLE);
  const v128_t rg_low =
      wasm_i8x16_shuffle(red, green, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const v128_t rg_high =
      wasm_i8x16_shuffle(red, green, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const v128_t bx_low =
      wasm_i8x16_shuffle(blue, full, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const v128_t bx_high =
      wasm_i8x16_shuffle(blue, full, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const v128_t p0 = wasm_i16x8_shuffle(rg_low, bx_low, 0, 8, 1, 9, 2, 10, 3, 11);
  const v128_t p1 = wasm_i16x8_shuffle(rg_low, bx_low, 4, 12, 5, 13, 6, 14, 7, 15);
  const v128_t p2 = wasm_i16x8_shuffle(rg_high, bx_high, 0, 8, 1, 9, 2, 10, 3, 11);
  const v128_t p3 = wasm_i16x8_shuffle(rg_high, bx_high, 4, 12, 5, 13, 6, 14, 7, 15);
  if (pixel_bytes == 4) {
    wasm_v128_store(out, p0);
    wasm_v128_store(out + 16, p1);
    wasm_v128_store(out + 32, p2);
    wasm_v128_store(out + 48, p3);
    return;
  }
  wasm_v128_store(
      out, wasm_i8x16_shuffle(p0, p1, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18, 20));
  wasm_v128_store(out + 16, wasm_i8x16_shuffle(p1, p2, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18, 20,
                                               21, 22, 24, 25));
  wasm_v128_store(out + 32, wasm_i8x16_shuffle(p2, p3, 10, 12, 13, 14, 16, 17, 18, 20, 21, 22, 24,
                                               25, 26, 28, 29, 30));
}

static void convert_row(const JSAMPLE* y, const JSAMPLE* cb, const JSAMPLE* cr, JSAMPLE* out,
                        JDIMENSION width, int pixel_bytes) {
  if (width < 16) { /* by way of sixteen pixels of our own */
    JSAMPLE in[3][16] = {{0}}, pixels[64];
    memcpy(in[0], y, width);
    memcpy(in[1], cb, width);
    memcpy(in[2], cr, width);
    convert_16(in[0], in[1], in[2], pixels, pixel_bytes);
    memcpy(out, pixels, width * (size_t)pixel_bytes);
    return;
  }
  for (JDIMENSION x = 0;; x += 16) {
    if (x + 16 > width) x = width - 16; /* the last sixteen, some of them again */
    convert_16(y + x, cb + x, cr + x, out + x * (size_t)pixel_bytes, pixel_bytes);
    if (x + 16 == width) return;
  }
}

int jsimd_can_ycc_rgb(void) { return 1; }

void jsimd_ycc_rgb_convert(j_decompress_ptr cinfo, JSAMPIMAGE input_buf, JDIMENSION input_row,
                           JSAMPARRAY output_buf, int num_rows) {
  int pixel_bytes = 3;
  switch (cinfo->out_color_space) {
    case JCS_RGB:
    case JCS_EXT_RGB: break;
    case JCS_EXT_RGBX:
    case JCS_EXT_RGBA: pixel_bytes = 4; break;
    default: ERREXIT(cinfo, JERR_CONVERSION_NOTIMPL);
  }
  for (int i = 0; i < num_rows; ++i, ++input_row) {
    convert_row(input_buf[0][input_row], input_buf[1][input_row], input_buf[2][input_row],
                output_buf[i], cinfo->output_width, pixel_bytes);
  }
}
