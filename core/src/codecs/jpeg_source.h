/* What both ways of reading a JPEG share: libjpeg's errors as a longjmp, its input from memory. */
#pragma once

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>

struct beralih_jpeg_errors {
  struct jpeg_error_mgr base; /* first: libjpeg hands back a pointer to it */
  jmp_buf leave;
  char* message; /* room for 256 */
};

/* Before setjmp(errors->leave), which leave_on_error returns to with 1. */
void beralih_jpeg_prepare(j_decompress_ptr info, struct beralih_jpeg_errors* errors, char* message);

/* Input from memory, which suspends at its end. */
void beralih_jpeg_source(j_decompress_ptr info, struct jpeg_source_mgr* source, const uint8_t* data,
                         size_t size);

/* After the header: whether Pillow takes this component count and depth; else a message. */
int beralih_jpeg_supported(j_decompress_ptr info, char* message);
