#include "codecs/jpeg_reader.h"

#include <setjmp.h>
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

/* A source that suspends at the end of the data, where libjpeg's own would invent an EOI marker:
 * suspended means truncated, as in Pillow's JpegDecode.c. */
static void source_nothing(j_decompress_ptr info) { (void)info; }

static boolean source_suspend(j_decompress_ptr info) {
  (void)info;
  return FALSE;
}

static void source_skip(j_decompress_ptr info, long count) {
  struct jpeg_source_mgr* source = info->src;
  if (count <= 0) return;
  if ((size_t)count > source->bytes_in_buffer) count = (long)source->bytes_in_buffer;
  source->next_input_byte += count;
  source->bytes_in_buffer -= (size_t)count;
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

static enum beralih_jpeg_status read_rows(j_decompress_ptr info, uint8_t* pixels, uint8_t* row) {
  while (info->output_scanline < info->output_height) {
    uint8_t* to = pixels + (size_t)info->output_scanline * info->output_width * 3;
    JSAMPROW line = row != NULL ? row : to;
    if (jpeg_read_scanlines(info, &line, 1) != 1) return BERALIH_JPEG_TRUNCATED;
    if (info->out_color_space == JCS_CMYK) cmyk_to_rgb(row, to, info->output_width);
    if (info->out_color_space == JCS_GRAYSCALE) gray_to_rgb(row, to, info->output_width);
  }
  return BERALIH_JPEG_OK;
}

enum beralih_jpeg_status beralih_jpeg_read(struct beralih_jpeg_reader* reader, const uint8_t* data,
                                           size_t size) {
  struct jpeg_decompress_struct info;
  struct error_manager errors;
  struct jpeg_source_mgr source;
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
  source.init_source = source_nothing;
  source.fill_input_buffer = source_suspend;
  source.skip_input_data = source_skip;
  source.resync_to_restart = jpeg_resync_to_restart;
  source.term_source = source_nothing;
  source.next_input_byte = data;
  source.bytes_in_buffer = size;
  info.src = &source;

  status = BERALIH_JPEG_TRUNCATED;
  if (jpeg_read_header(&info, TRUE) == JPEG_HEADER_OK) {
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
        } else if (jpeg_start_decompress(&info)) {
          status = read_rows(&info, pixels, row);
        }
      }
    }
  }
  /* No jpeg_finish_decompress: what follows the last row does not matter to Pillow either. */
  jpeg_destroy_decompress(&info);
  free(row);
  return status;
}
