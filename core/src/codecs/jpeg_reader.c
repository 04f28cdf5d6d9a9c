#include "codecs/jpeg_reader.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

struct error_manager {
  struct jpeg_error_mgr base; /* first: libjpeg hands back a pointer to it */
  jmp_buf leave;
  char* message;
};

static void leave_on_error(j_common_ptr info) {
  struct error_manager* manager = (struct error_manager*)info->err;
  char text[JMSG_LENGTH_MAX];
  (*info->err->format_message)(info, text);
  snprintf(manager->message, 256, "%s", text);
  longjmp(manager->leave, 1);
}

/* Warnings (a corrupt entropy segment) are accepted silently, as Pillow does. */
static void ignore_message(j_common_ptr info) { (void)info; }

/* A source that suspends where libjpeg's own would invent an EOI marker, as in Pillow's
 * JpegDecode.c, and that hands out the data in Pillow's steps: what stands behind the last row is
 * looked at only within the step that brought this row. */
enum { STEP_BYTES = 65536 }; /* ImageFile.py, MAXBLOCK */

struct stepped_source {
  struct jpeg_source_mgr base; /* first: libjpeg hands back a pointer to it */
  const uint8_t* end;
  size_t skip; /* bytes that libjpeg wants to skip and that are not there yet */
};

static void source_nothing(j_decompress_ptr info) { (void)info; }

static boolean source_suspend(j_decompress_ptr info) {
  (void)info;
  return FALSE;
}

static void source_skip(j_decompress_ptr info, long count) {
  struct stepped_source* source = (struct stepped_source*)info->src;
  const size_t wanted = count > 0 ? (size_t)count : 0;
  const size_t there = source->base.bytes_in_buffer;
  const size_t skipped = wanted < there ? wanted : there;
  source->base.next_input_byte += skipped;
  source->base.bytes_in_buffer -= skipped;
  source->skip = wanted - skipped;
}

/* Hands out the next step; false at the end of the data. */
static bool next_step(j_decompress_ptr info) {
  struct stepped_source* source = (struct stepped_source*)info->src;
  do {
    const uint8_t* from = source->base.next_input_byte + source->base.bytes_in_buffer;
    const size_t rest = (size_t)(source->end - from);
    if (rest == 0) return false;
    source->base.bytes_in_buffer += rest < STEP_BYTES ? rest : STEP_BYTES;
    if (source->skip > 0) source_skip(info, (long)source->skip);
  } while (source->skip > 0);
  return true;
}

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
    if (found == JPEG_SUSPENDED && !next_step(info)) return false;
  }
}

static bool start(j_decompress_ptr info) {
  while (!jpeg_start_decompress(info)) {
    if (!next_step(info)) return false;
  }
  return true;
}

static enum beralih_jpeg_status read_rows(j_decompress_ptr info, uint8_t* pixels, uint8_t* row) {
  while (info->output_scanline < info->output_height) {
    uint8_t* to = pixels + (size_t)info->output_scanline * info->output_width * 3;
    JSAMPROW line = row != NULL ? row : to;
    while (jpeg_read_scanlines(info, &line, 1) != 1) {
      if (!next_step(info)) return BERALIH_JPEG_TRUNCATED;
    }
    if (info->out_color_space == JCS_CMYK) cmyk_to_rgb(row, to, info->output_width);
    if (info->out_color_space == JCS_GRAYSCALE) gray_to_rgb(row, to, info->output_width);
  }
  return BERALIH_JPEG_OK;
}

enum beralih_jpeg_status beralih_jpeg_read(struct beralih_jpeg_reader* reader, const uint8_t* data,
                                           size_t size) {
  struct jpeg_decompress_struct info;
  struct error_manager errors;
  struct stepped_source source;
  uint8_t* volatile row = NULL; /* one line where libjpeg does not write RGB itself */
  volatile enum beralih_jpeg_status status = BERALIH_JPEG_CORRUPT;

  memset(&info, 0, sizeof info);
  reader->message[0] = '\0';
  errors.message = reader->message;
  info.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = leave_on_error;
  errors.base.output_message = ignore_message;
  if (setjmp(errors.leave)) {
    jpeg_destroy_decompress(&info);
    free(row);
    return BERALIH_JPEG_CORRUPT;
  }
  jpeg_create_decompress(&info);
  memset(&source, 0, sizeof source);
  source.base.init_source = source_nothing;
  source.base.fill_input_buffer = source_suspend;
  source.base.skip_input_data = source_skip;
  source.base.resync_to_restart = jpeg_resync_to_restart;
  source.base.term_source = source_nothing;
  source.base.next_input_byte = data;
  source.end = data + size;
  info.src = &source.base;

  status = BERALIH_JPEG_TRUNCATED;
  if (read_header(&info)) {
    const int n = info.num_components;
    if (info.data_precision != 8 || (n != 1 && n != 3 && n != 4)) {
      snprintf(reader->message, sizeof reader->message, "%d components of %d bits", n,
               info.data_precision);
      status = BERALIH_JPEG_UNSUPPORTED;
    } else {
      uint8_t* pixels = reader->accept(reader->user, info.image_width, info.image_height);
      if (pixels == NULL) {
        status = BERALIH_JPEG_REFUSED;
      } else {
        info.out_color_space = n == 1 ? JCS_GRAYSCALE : n == 3 ? JCS_RGB : JCS_CMYK;
        if (n != 3) row = malloc((size_t)info.image_width * (size_t)n);
        if (n != 3 && row == NULL) {
          snprintf(reader->message, sizeof reader->message, "out of memory");
          status = BERALIH_JPEG_CORRUPT;
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
