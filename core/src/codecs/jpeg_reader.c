#include "codecs/jpeg_reader.h"
#include "codecs/jpeg_source.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

/* ImagingUtils.h 20: a * b / 255, rounded. */
static int multiply_divide_255(int a, int b) {
  const int t = a * b + 128;
  return ((t >> 8) + t) >> 8;
}

static uint8_t clip_to_byte(int value) {
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* Pillow 9.4 always takes the samples as inverted ("assume adobe conventions",
 * JpegImagePlugin.py 389), then Convert.c 541. */
static void cmyk_to_rgb(const uint8_t* cmyk, uint8_t* rgb, uint32_t width) {
  for (uint32_t x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    const int light = cmyk[3]; /* 255 - K, K = 255 - sample */
    for (int c = 0; c < 3; ++c) {
      rgb[c] = clip_to_byte(light - multiply_divide_255(255 - cmyk[c], light));
    }
  }
}

static void gray_to_rgb(const uint8_t* gray, uint8_t* rgb, uint32_t width) {
  for (uint32_t x = 0; x < width; ++x, rgb += 3) rgb[0] = rgb[1] = rgb[2] = gray[x];
}

/* Up to the first scan. Tables alone are read past, as by Pillow. */
static bool read_header(j_decompress_ptr info) {
  while (true) {
    const int found = jpeg_read_header(info, FALSE);
    if (found == JPEG_HEADER_OK) return true;
    if (found == JPEG_SUSPENDED && !beralih_jpeg_next_step(info)) return false;
  }
}

static bool start(j_decompress_ptr info) {
  while (!jpeg_start_decompress(info)) {
    if (!beralih_jpeg_next_step(info)) return false;
  }
  return true;
}

static enum beralih_jpeg_status read_rows(j_decompress_ptr info, uint8_t* pixels, uint8_t* row) {
  while (info->output_scanline < info->output_height) {
    uint8_t* to = pixels + (size_t)info->output_scanline * info->output_width * 3;
    JSAMPROW line = row != NULL ? row : to;
    while (jpeg_read_scanlines(info, &line, 1) != 1) {
      if (!beralih_jpeg_next_step(info)) return BERALIH_JPEG_TRUNCATED;
    }
    if (info->out_color_space == JCS_CMYK) cmyk_to_rgb(row, to, info->output_width);
    if (info->out_color_space == JCS_GRAYSCALE) gray_to_rgb(row, to, info->output_width);
  }
  return BERALIH_JPEG_OK;
}

enum beralih_jpeg_status beralih_jpeg_read(struct beralih_jpeg_reader* reader, const uint8_t* data,
                                           size_t size) {
  struct jpeg_decompress_struct info;
  struct beralih_jpeg_errors errors;
  struct beralih_jpeg_stepped_source source;
  uint8_t* volatile row = NULL; /* one line where libjpeg does not write RGB itself */
  volatile enum beralih_jpeg_status status = BERALIH_JPEG_CORRUPT;

  reader->message[0] = '\0';
  beralih_jpeg_prepare(&info, &errors, reader->message);
  if (setjmp(errors.leave)) {
    jpeg_destroy_decompress(&info);
    free(row);
    return errors.status;
  }
  jpeg_create_decompress(&info);
  beralih_jpeg_source(&info, &source, data, size);

  status = BERALIH_JPEG_TRUNCATED;
  if (read_header(&info)) {
    const int n = info.num_components;
    if (!beralih_jpeg_supported(&info, reader->message)) {
      status = BERALIH_JPEG_UNSUPPORTED;
    } else {
      uint8_t* pixels = reader->accept(reader->user, info.image_width, info.image_height);
      if (pixels == NULL) {
        status = BERALIH_JPEG_REFUSED;
      } else {
        info.out_color_space = n == 1 ? JCS_GRAYSCALE : n == 3 ? JCS_RGB : JCS_CMYK;
        if (n != 3) row = malloc((size_t)info.image_width * (size_t)n);
        if (n != 3 && row == NULL) {
          snprintf(reader->message, sizeof reader->message, "not enough memory for a row");
          status = BERALIH_JPEG_TOO_LARGE;
        } else if (start(&info)) {
          status = read_rows(&info, pixels, row);
          /* Broken segments behind the last row are an error, missing ones are not. */
          if (status == BERALIH_JPEG_OK) jpeg_finish_decompress(&info);
        }
      }
    }
  }
  jpeg_destroy_decompress(&info);
  free(row);
  return status;
}
