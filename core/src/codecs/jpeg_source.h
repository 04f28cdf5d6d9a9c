/* What both ways of reading a JPEG share: libjpeg's errors as a longjmp, its input from memory. */
#pragma once

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>

#include "codecs/jpeg_reader.h"

struct beralih_jpeg_errors {
  struct jpeg_error_mgr base; /* first: libjpeg hands back a pointer to it */
  struct jpeg_progress_mgr progress;
  jmp_buf leave;
  char* message;                   /* room for 256 */
  enum beralih_jpeg_status status; /* what leave_on_error says besides the message */
};

/* Before setjmp(errors->leave), which leave_on_error returns to with 1. Every scan of a progressive
 * file visits all of the image again, however few bytes it has: their number is limited. */
void beralih_jpeg_prepare(j_decompress_ptr info, struct beralih_jpeg_errors* errors, char* message);

/* Input from memory that suspends where libjpeg's own would invent an EOI marker, as in Pillow's
 * JpegDecode.c, and that hands out the data in Pillow's steps: what stands behind the last row is
 * looked at only within the step that brought this row. */
enum { BERALIH_JPEG_STEP = 65536 }; /* ImageFile.py, MAXBLOCK */

struct beralih_jpeg_stepped_source {
  struct jpeg_source_mgr base; /* first: libjpeg hands back a pointer to it */
  const uint8_t* start;
  const uint8_t* end;
  size_t skip; /* bytes that libjpeg wants to skip and that are not there yet */
};

/* Nothing is handed out before the first next_step. */
void beralih_jpeg_source(j_decompress_ptr info, struct beralih_jpeg_stepped_source* source,
                         const uint8_t* data, size_t size);

/* After a suspension: hands out the next step; 0 at the end of the data. */
int beralih_jpeg_next_step(j_decompress_ptr info);

/* After the header: whether Pillow takes this component count and depth; else a message. */
int beralih_jpeg_supported(j_decompress_ptr info, char* message);
