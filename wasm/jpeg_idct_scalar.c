/* jpeg_idct_simd128.c without vector instructions, for browsers that have none: the same bytes for
 * every input. jidctint.c computes with 32 bits where the vector versions wrap and saturate at 16,
 * so it would give other pixels for coefficients that no encoder makes.
 */
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

/* 32-bit sums of two products fit; sums of sums wrap as vector lanes do. */
static int wrapping_add(int a, int b) { return (int)((unsigned)a + (unsigned)b); }
static int wrapping_subtract(int a, int b) { return (int)((unsigned)a - (unsigned)b); }

/* x / 2^bits, rounded, saturated to 16 bits */
static short descale(int x, int bits) {
  const int value = wrapping_add(x, 1 << (bits - 1)) >> bits;
  return (short)(value < -32768 ? -32768 : value > 32767 ? 32767 : value);
}

/* The one-dimensional transform of one line, whose numbers stand `step` apart. */
static void transform(short* line, int step, int bits) {
  const int c0 = line[0], c1 = line[step], c2 = line[2 * step], c3 = line[3 * step];
  const int c4 = line[4 * step], c5 = line[5 * step], c6 = line[6 * step], c7 = line[7 * step];

  const int even2 = c2 * F_0_541 + c6 * (F_0_541 - F_1_847);
  const int even3 = c2 * (F_0_541 + F_0_765) + c6 * F_0_541;
  const int even0 = (short)(c0 + c4) * (1 << CONST_BITS);
  const int even1 = (short)(c0 - c4) * (1 << CONST_BITS);
  const int tmp10 = wrapping_add(even0, even3), tmp13 = wrapping_subtract(even0, even3);
  const int tmp11 = wrapping_add(even1, even2), tmp12 = wrapping_subtract(even1, even2);

  const int sum73 = (short)(c7 + c3), sum51 = (short)(c5 + c1);
  const int z3 = sum73 * (F_1_175 - F_1_961) + sum51 * F_1_175;
  const int z4 = sum73 * F_1_175 + sum51 * (F_1_175 - F_0_390);
  const int odd0 = wrapping_add(c7 * (F_0_298 - F_0_899) + c1 * -F_0_899, z3);
  const int odd1 = wrapping_add(c5 * (F_2_053 - F_2_562) + c3 * -F_2_562, z4);
  const int odd2 = wrapping_add(c5 * -F_2_562 + c3 * (F_3_072 - F_2_562), z3);
  const int odd3 = wrapping_add(c7 * -F_0_899 + c1 * (F_1_501 - F_0_899), z4);

  line[0] = descale(wrapping_add(tmp10, odd3), bits);
  line[7 * step] = descale(wrapping_subtract(tmp10, odd3), bits);
  line[step] = descale(wrapping_add(tmp11, odd2), bits);
  line[6 * step] = descale(wrapping_subtract(tmp11, odd2), bits);
  line[2 * step] = descale(wrapping_add(tmp12, odd1), bits);
  line[5 * step] = descale(wrapping_subtract(tmp12, odd1), bits);
  line[3 * step] = descale(wrapping_add(tmp13, odd0), bits);
  line[4 * step] = descale(wrapping_subtract(tmp13, odd0), bits);
}

int jsimd_can_idct_islow(void) { return 1; }

void jsimd_idct_islow(j_decompress_ptr cinfo, jpeg_component_info* compptr, JCOEFPTR coef_block,
                      JSAMPARRAY output_buf, JDIMENSION output_col) {
  (void)cinfo;
  const ISLOW_MULT_TYPE* table = (const ISLOW_MULT_TYPE*)compptr->dct_table;
  short block[DCTSIZE2];
  int below_first = 0;
  for (int i = 0; i < DCTSIZE2; ++i) {
    block[i] = (short)(coef_block[i] * table[i]); /* the product keeps its low 16 bits */
    if (i >= DCTSIZE) below_first |= coef_block[i];
  }
  for (int x = 0; x < DCTSIZE; ++x) {
    if (below_first) {
      transform(block + x, DCTSIZE, CONST_BITS - PASS1_BITS);
    } else { /* the same but for overflow, which wraps here and saturates there */
      const short value = (short)(block[x] * (1 << PASS1_BITS));
      for (int y = 0; y < DCTSIZE; ++y) block[y * DCTSIZE + x] = value;
    }
  }
  for (int y = 0; y < DCTSIZE; ++y) {
    short* line = block + y * DCTSIZE;
    transform(line, 1, CONST_BITS + PASS1_BITS + 3);
    JSAMPROW out = output_buf[y] + output_col;
    for (int x = 0; x < DCTSIZE; ++x) {
      const int value = line[x] + CENTERJSAMPLE;
      out[x] = (JSAMPLE)(value < 0 ? 0 : value > MAXJSAMPLE ? MAXJSAMPLE : value);
    }
  }
}
