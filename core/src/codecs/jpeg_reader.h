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
  BERALIH_JPEG_REFUSED      /* `accept` returned NULL */
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

#ifdef __cplusplus
}
#endif
