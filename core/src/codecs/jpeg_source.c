#include "codecs/jpeg_source.h"

#include <string.h>

#include <jerror.h>

static void leave(j_common_ptr info, enum beralih_jpeg_status status, const char* text) {
  struct beralih_jpeg_errors* manager = (struct beralih_jpeg_errors*)info->err;
  const struct beralih_jpeg_stepped_source* source =
      (const struct beralih_jpeg_stepped_source*)((j_decompress_ptr)info)->src;
  const size_t at = source ? (size_t)(source->base.next_input_byte - source->start) : 0;
  snprintf(manager->message, 256, "%.200s (near byte %zu)", text, at);
  manager->status = status;
  longjmp(manager->leave, 1);
}

static void leave_on_error(j_common_ptr info) {
  char text[JMSG_LENGTH_MAX];
  (*info->err->format_message)(info, text);
  const int code = info->err->msg_code;
  const int memory = code == JERR_OUT_OF_MEMORY || code == JERR_WIDTH_OVERFLOW;
  leave(info, memory ? BERALIH_JPEG_TOO_LARGE : BERALIH_JPEG_CORRUPT, text);
}

/* libjpeg-turbo's own fuzzers stop at 500 scans; ordinary files have ten. A large image gets fewer,
 * so that all scans together visit no more than 2^30 pixels or 64 times the image. */
static void limit_scans(j_common_ptr common) {
  const j_decompress_ptr info = (j_decompress_ptr)common;
  enum { kFewest = 64, kMost = 500 };
  const int64_t pixels = (int64_t)info->image_width * info->image_height;
  int64_t limit = pixels > 0 ? ((int64_t)1 << 30) / pixels : kMost;
  limit = limit < kFewest ? kFewest : limit > kMost ? kMost : limit;
  if (info->input_scan_number <= limit) return;
  char text[100];
  snprintf(text, sizeof text, "more than %d scans; save it again as an ordinary JPEG", (int)limit);
  leave(common, BERALIH_JPEG_TOO_LARGE, text);
}

/* Warnings (a corrupt entropy segment) are accepted silently, as Pillow does. */
static void ignore_message(j_common_ptr info) { (void)info; }

static void source_nothing(j_decompress_ptr info) { (void)info; }

static boolean source_suspend(j_decompress_ptr info) {
  (void)info;
  return FALSE;
}

static void source_skip(j_decompress_ptr info, long count) {
  struct beralih_jpeg_stepped_source* source = (struct beralih_jpeg_stepped_source*)info->src;
  const size_t wanted = count > 0 ? (size_t)count : 0;
  const size_t there = source->base.bytes_in_buffer;
  const size_t skipped = wanted < there ? wanted : there;
  source->base.next_input_byte += skipped;
  source->base.bytes_in_buffer -= skipped;
  source->skip = wanted - skipped;
}

int beralih_jpeg_next_step(j_decompress_ptr info) {
  struct beralih_jpeg_stepped_source* source = (struct beralih_jpeg_stepped_source*)info->src;
  do {
    const uint8_t* from = source->base.next_input_byte + source->base.bytes_in_buffer;
    const size_t rest = (size_t)(source->end - from);
    if (rest == 0) return 0;
    source->base.bytes_in_buffer += rest < BERALIH_JPEG_STEP ? rest : BERALIH_JPEG_STEP;
    if (source->skip > 0) source_skip(info, (long)source->skip);
  } while (source->skip > 0);
  return 1;
}

void beralih_jpeg_prepare(j_decompress_ptr info, struct beralih_jpeg_errors* errors,
                          char* message) {
  memset(info, 0, sizeof *info);
  errors->message = message;
  info->err = jpeg_std_error(&errors->base);
  errors->base.error_exit = leave_on_error;
  errors->base.output_message = ignore_message;
  errors->status = BERALIH_JPEG_CORRUPT;
  memset(&errors->progress, 0, sizeof errors->progress);
  errors->progress.progress_monitor = limit_scans;
}

void beralih_jpeg_source(j_decompress_ptr info, struct beralih_jpeg_stepped_source* source,
                         const uint8_t* data, size_t size) {
  memset(source, 0, sizeof *source);
  source->base.init_source = source_nothing;
  source->base.fill_input_buffer = source_suspend;
  source->base.skip_input_data = source_skip;
  source->base.resync_to_restart = jpeg_resync_to_restart;
  source->base.term_source = source_nothing;
  source->base.next_input_byte = data;
  source->start = data;
  source->end = data + size;
  info->src = &source->base;
  info->progress = &((struct beralih_jpeg_errors*)info->err)->progress;
}

int beralih_jpeg_supported(j_decompress_ptr info, char* message) {
  const int n = info->num_components;
  if (info->data_precision == 8 && (n == 1 || n == 3 || n == 4)) return 1;
  snprintf(message, 256, "%d components of %d bits", n, info->data_precision);
  return 0;
}
