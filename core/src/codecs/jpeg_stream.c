#include "codecs/jpeg_reader.h"
#include "codecs/jpeg_source.h"

enum { kEndOfData = 2 }; /* a setjmp value beside leave_on_error's 1 */

/* jpeg_skip_scanlines cannot suspend: the end of the data leaves at once. */
static boolean source_leave(j_decompress_ptr info) {
  longjmp(((struct beralih_jpeg_errors*)info->err)->leave, kEndOfData);
}

static boolean source_suspend_again(j_decompress_ptr info) {
  (void)info;
  return FALSE;
}

/* Whether parts can be skipped with the rest unchanged: one scan, decoded as it is read. */
static int can_skip(j_decompress_ptr info) { return !jpeg_has_multiple_scans(info); }

/* Upsampling looks one chroma sample past its own, so what is cut off must stay clear of what is
 * needed. */
enum { kMargin = 64 };

static uint32_t crop_columns(j_decompress_ptr info, const struct beralih_jpeg_region* region) {
  JDIMENSION left = region->left > kMargin ? region->left - kMargin : 0;
  JDIMENSION width = region->right + kMargin - left;
  if (width > info->output_width - left) width = info->output_width - left;
  if (left == 0 && width == info->output_width) return 0;
  jpeg_crop_scanline(info, &left, &width);
  return left;
}

/* The reader of whole images looks at what follows the last row, but only within the step that
 * brought this row. Here all data was handed out at once: the same step is found from what has been
 * read. 0: too close to a step's border to know, since libjpeg reads some bytes ahead. */
static int finish_within_step(j_decompress_ptr info, struct beralih_jpeg_stepped_source* source,
                              size_t size) {
  enum { kReadAhead = 32 };
  const size_t read = size - source->base.bytes_in_buffer;
  const size_t into_step = read % BERALIH_JPEG_STEP;
  if (into_step < kReadAhead || into_step > BERALIH_JPEG_STEP - kReadAhead) return 0;
  const size_t step_left = BERALIH_JPEG_STEP - into_step;
  if (source->base.bytes_in_buffer > step_left) source->base.bytes_in_buffer = step_left;
  source->base.fill_input_buffer = source_suspend_again;
  jpeg_finish_decompress(info); /* broken segments leave as an error, missing ones do not */
  return 1;
}

static void skip_to(j_decompress_ptr info, uint32_t row) {
  if (row > info->output_scanline) jpeg_skip_scanlines(info, row - info->output_scanline);
}

static enum beralih_jpeg_status stream_rows(j_decompress_ptr info,
                                            const struct beralih_jpeg_stream* stream,
                                            const struct beralih_jpeg_region* region,
                                            uint8_t* pixels, size_t stride, uint32_t first_column) {
  const int skips = can_skip(info);
  const uint32_t mcu_rows = (uint32_t)info->max_v_samp_factor * DCTSIZE;
  JSAMPROW rows[BERALIH_JPEG_BATCH];
  for (size_t i = 0; i < BERALIH_JPEG_BATCH; ++i) rows[i] = pixels + i * stride;
  if (skips && region->top > kMargin) {
    skip_to(info, (region->top - kMargin) / mcu_rows * mcu_rows);
  }
  while (info->output_scanline < region->bottom) {
    const uint32_t first = info->output_scanline;
    /* What comes before the region is read in batches that end at its first row. */
    const uint32_t end = first < region->top ? region->top : region->bottom;
    const uint32_t wanted = end - first < BERALIH_JPEG_BATCH ? end - first : BERALIH_JPEG_BATCH;
    uint32_t count = 0;
    while (count < wanted) {
      const uint32_t got = jpeg_read_scanlines(info, rows + count, wanted - count);
      if (got == 0) return BERALIH_JPEG_TRUNCATED;
      count += got;
    }
    if (first >= region->top) {
      stream->rows(stream->user, first, count, (const uint8_t* const*)rows, first_column);
    }
  }
  if (jpeg_has_multiple_scans(info)) return BERALIH_JPEG_OK; /* all data came before the rows */
  if (skips) skip_to(info, info->output_height - 1);
  while (info->output_scanline < info->output_height) {
    if (jpeg_read_scanlines(info, rows, 1) != 1) return BERALIH_JPEG_TRUNCATED;
  }
  return BERALIH_JPEG_OK;
}

enum beralih_jpeg_status beralih_jpeg_stream_rows(struct beralih_jpeg_stream* stream,
                                                  const uint8_t* data, size_t size) {
  struct jpeg_decompress_struct info;
  struct beralih_jpeg_errors errors;
  struct beralih_jpeg_stepped_source source;
  struct beralih_jpeg_region region;
  volatile enum beralih_jpeg_status status = BERALIH_JPEG_TRUNCATED;

  stream->message[0] = '\0';
  beralih_jpeg_prepare(&info, &errors, stream->message);
  switch (setjmp(errors.leave)) {
    case 0: break;
    case kEndOfData: status = BERALIH_JPEG_TRUNCATED; goto done;
    default: status = errors.status; goto done;
  }
  jpeg_create_decompress(&info);
  beralih_jpeg_source(&info, &source, data, size);
  source.base.bytes_in_buffer = size;

  if (jpeg_read_header(&info, TRUE) != JPEG_HEADER_OK) goto done;
  if (!beralih_jpeg_supported(&info, stream->message)) {
    status = BERALIH_JPEG_UNSUPPORTED;
    goto done;
  }
  /* The arithmetic decoder cannot suspend: where its data ends decides in Pillow's steps alone. */
  if (info.num_components == 4 || info.arith_code) {
    status = BERALIH_JPEG_NOT_STREAMED;
    goto done;
  }
  status = stream->accept(stream->user, info.image_width, info.image_height, &region);
  if (status != BERALIH_JPEG_OK) goto done;
  status = BERALIH_JPEG_TRUNCATED;
  source.base.fill_input_buffer = source_leave;
  info.out_color_space = JCS_EXT_RGBX;
  if (!jpeg_start_decompress(&info)) goto done;
  {
    const uint32_t first_column = can_skip(&info) ? crop_columns(&info, &region) : 0;
    const size_t stride = (size_t)info.output_width * 4;
    uint8_t* pixels =
        stream->line_memory(stream->user, stride * BERALIH_JPEG_BATCH + region.readable_behind);
    if (pixels == NULL) {
      snprintf(stream->message, sizeof stream->message, "not enough memory for its rows");
      status = BERALIH_JPEG_TOO_LARGE;
      goto done;
    }
    status = stream_rows(&info, stream, &region, pixels, stride, first_column);
    if (status == BERALIH_JPEG_OK && !jpeg_has_multiple_scans(&info) &&
        !finish_within_step(&info, &source, size)) {
      status = BERALIH_JPEG_NOT_STREAMED;
    }
  }
done:
  jpeg_destroy_decompress(&info);
  return status;
}
