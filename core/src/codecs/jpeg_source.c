#include "codecs/jpeg_source.h"

#include <string.h>

static void leave_on_error(j_common_ptr info) {
  struct beralih_jpeg_errors* manager = (struct beralih_jpeg_errors*)info->err;
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

void beralih_jpeg_prepare(j_decompress_ptr info, struct beralih_jpeg_errors* errors,
                          char* message) {
  memset(info, 0, sizeof *info);
  errors->message = message;
  info->err = jpeg_std_error(&errors->base);
  errors->base.error_exit = leave_on_error;
  errors->base.output_message = ignore_message;
}

void beralih_jpeg_source(j_decompress_ptr info, struct jpeg_source_mgr* source, const uint8_t* data,
                         size_t size) {
  memset(source, 0, sizeof *source);
  source->init_source = source_nothing;
  source->fill_input_buffer = source_suspend;
  source->skip_input_data = source_skip;
  source->resync_to_restart = jpeg_resync_to_restart;
  source->term_source = source_nothing;
  source->next_input_byte = data;
  source->bytes_in_buffer = size;
  info->src = source;
}

int beralih_jpeg_supported(j_decompress_ptr info, char* message) {
  const int n = info->num_components;
  if (info->data_precision == 8 && (n == 1 || n == 3 || n == 4)) return 1;
  snprintf(message, 256, "%d components of %d bits", n, info->data_precision);
  return 0;
}
