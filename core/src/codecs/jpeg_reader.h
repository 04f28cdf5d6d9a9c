/* The part of JPEG decoding that needs setjmp, in C: a longjmp may not cross C++ objects. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum beralih_jpeg_status {
  BERALIH_JPEG_OK,
  BERALIH_JPEG_TRUNCATED,   /* the data ended before the last row */
  BERALIH_JPEG_CORRUPT,     /* the decoder gave up; `message` says why */
  BERALIH_JPEG_UNSUPPORTED, /* a component count or depth that Pillow refuses too */
  BERALIH_JPEG_TOO_LARGE,   /* more memory or work than is granted; `message` says what */
  BERALIH_JPEG_REFUSED,     /* `accept` refused */
  BERALIH_JPEG_NOT_STREAMED /* beralih_jpeg_stream only: use beralih_jpeg_read */
};

struct beralih_jpeg_reader {
  /* In: called once, after the header; returns room for height * width * 3 bytes, or NULL to stop.
   */
  uint8_t* (*accept)(void* user, uint32_t width, uint32_t height);
  void* user;
  /* Out: a message of the decoder for people, NUL-terminated; empty where there is none. */
  char message[256];
};

/* Decodes to packed 8-bit RGB. Owns nothing after it returns. */
enum beralih_jpeg_status beralih_jpeg_read(struct beralih_jpeg_reader* reader, const uint8_t* data,
                                           size_t size);

/* Columns left..right - 1 of rows top..bottom - 1 are needed. */
struct beralih_jpeg_region {
  uint32_t left, right, top, bottom;
  size_t readable_behind; /* how many bytes behind a row's end will be read */
};

#define BERALIH_JPEG_BATCH 16

struct beralih_jpeg_stream {
  /* In: called once, after the header; fills `region` and returns BERALIH_JPEG_OK, or says why not.
   */
  enum beralih_jpeg_status (*accept)(void* user, uint32_t width, uint32_t height,
                                     struct beralih_jpeg_region* region);
  /* In: called once, after accept; returns `size` bytes that stay there until the last row, or NULL
   * where memory ran out. */
  uint8_t* (*line_memory)(void* user, size_t size);
  /* In: called with the needed rows in order, up to BERALIH_JPEG_BATCH at once: 4 bytes a pixel, R
   * G B and one without meaning, from column `first_column` <= left on. */
  void (*rows)(void* user, uint32_t first_row, uint32_t count, const uint8_t* const* rows,
               uint32_t first_column);
  void* user;
  /* Out: as in beralih_jpeg_reader. */
  char message[256];
};

/* Decodes what the region needs, to the same bytes as beralih_jpeg_read and with the same verdict
 * on the whole file: what the region does not need is still entropy-decoded to the end. */
enum beralih_jpeg_status beralih_jpeg_stream_rows(struct beralih_jpeg_stream* stream,
                                                  const uint8_t* data, size_t size);

#ifdef __cplusplus
}
#endif
