/* Writes JPEG files of every coding, sampling and marker that libjpeg-turbo can encode; the
 * corpus (corpus.py) is made with it. Each line of standard input is one file:
 *
 *   PATH WIDTH HEIGHT SEED COLORS SAMPLING QUALITY RESTART FLAG,FLAG,...
 *
 * COLORS: gray ycc rgb cmyk ycck. SAMPLING: HxV for each component, as in 2x2,1x1,1x1.
 * RESTART: MCUs between restart markers, 0 for none.
 * FLAGS: - progressive arithmetic optimize separate (one scan a component) wide (16-bit tables)
 *        jfif nojfif adobe noadobe (instead of libjpeg's own choice) */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

struct job {
  char path[4096];
  unsigned width, height, seed;
  char colors[8];
  char sampling[64];
  int quality;
  unsigned restart;
  char flags[128];
};

static int has(const struct job* job, const char* flag) {
  const size_t length = strlen(flag);
  for (const char* at = job->flags; (at = strstr(at, flag)) != NULL; ++at) {
    const int starts = at == job->flags || at[-1] == ',';
    if (starts && (at[length] == '\0' || at[length] == ',')) return 1;
  }
  return 0;
}

static uint32_t hash(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352dU;
  x = (x ^ (x >> 15)) * 0x846ca68bU;
  return x ^ (x >> 16);
}

/* Ramps, blocks of one colour and, in every fourth block, noise: smooth and hard edges. */
static uint8_t sample(unsigned x, unsigned y, unsigned c, uint32_t seed) {
  const uint32_t block = hash(seed + (x / 5) * 7919 + (y / 5) * 104729 + c * 31);
  if (block % 4 == 0) return (uint8_t)hash(block + x * 31 + y * 1009);
  if (block % 4 == 1) return (uint8_t)(block >> 8);
  return (uint8_t)(x * 7 + y * 3 + c * 40 + (block >> 24) % 16);
}

static int color_space(const char* name, J_COLOR_SPACE* in, J_COLOR_SPACE* out, int* components) {
  static const struct {
    const char* name;
    J_COLOR_SPACE in, out;
    int components;
  } kSpaces[] = {
      {"gray", JCS_GRAYSCALE, JCS_GRAYSCALE, 1},
      {"ycc",  JCS_RGB,       JCS_YCbCr,     3},
      {"rgb",  JCS_RGB,       JCS_RGB,       3},
      {"cmyk", JCS_CMYK,      JCS_CMYK,      4},
      {"ycck", JCS_CMYK,      JCS_YCCK,      4}
  };
  for (size_t i = 0; i < sizeof kSpaces / sizeof *kSpaces; ++i) {
    if (strcmp(name, kSpaces[i].name) != 0) continue;
    *in = kSpaces[i].in;
    *out = kSpaces[i].out;
    *components = kSpaces[i].components;
    return 1;
  }
  return 0;
}

static int set_sampling(j_compress_ptr info, const char* text) {
  for (int c = 0; c < info->num_components; ++c) {
    int h, v, used;
    if (sscanf(text, "%dx%d%n", &h, &v, &used) != 2) return 0;
    info->comp_info[c].h_samp_factor = h;
    info->comp_info[c].v_samp_factor = v;
    text += used;
    if (*text == ',') ++text;
  }
  return *text == '\0';
}

static void set_scan_for_each_component(j_compress_ptr info, jpeg_scan_info* scans) {
  memset(scans, 0, sizeof *scans * MAX_COMPONENTS);
  for (int c = 0; c < info->num_components; ++c) {
    scans[c].comps_in_scan = 1;
    scans[c].component_index[0] = c;
    scans[c].Se = DCTSIZE2 - 1;
  }
  info->scan_info = scans;
  info->num_scans = info->num_components;
}

static void encode(j_compress_ptr info, const struct job* job) {
  jpeg_scan_info scans[MAX_COMPONENTS];
  J_COLOR_SPACE out = JCS_UNKNOWN;
  info->image_width = job->width;
  info->image_height = job->height;
  if (!color_space(job->colors, &info->in_color_space, &out, &info->input_components)) {
    ERREXIT(info, JERR_BAD_IN_COLORSPACE);
  }
  jpeg_set_defaults(info);
  jpeg_set_colorspace(info, out);
  jpeg_set_quality(info, job->quality, !has(job, "wide"));
  if (!set_sampling(info, job->sampling)) ERREXIT(info, JERR_BAD_SAMPLING);
  info->restart_interval = job->restart;
  info->optimize_coding = has(job, "optimize");
  info->arith_code = has(job, "arithmetic");
  if (has(job, "jfif")) info->write_JFIF_header = TRUE;
  if (has(job, "nojfif")) info->write_JFIF_header = FALSE;
  if (has(job, "adobe")) info->write_Adobe_marker = TRUE;
  if (has(job, "noadobe")) info->write_Adobe_marker = FALSE;
  if (has(job, "progressive")) jpeg_simple_progression(info);
  if (has(job, "separate")) set_scan_for_each_component(info, scans);
  jpeg_start_compress(info, TRUE);
  const JDIMENSION samples = info->image_width * (JDIMENSION)info->input_components;
  JSAMPARRAY rows = info->mem->alloc_sarray((j_common_ptr)info, JPOOL_IMAGE, samples, 1);
  while (info->next_scanline < info->image_height) {
    uint8_t* to = rows[0];
    for (unsigned x = 0; x < info->image_width; ++x) {
      for (unsigned c = 0; c < (unsigned)info->input_components; ++c) {
        *to++ = sample(x, info->next_scanline, c, job->seed);
      }
    }
    jpeg_write_scanlines(info, rows, 1);
  }
  jpeg_finish_compress(info);
}

static void warn_of_nothing(j_common_ptr info, int level) {
  (void)info;
  (void)level;
}

static void write_jpeg(const struct job* job, FILE* file) {
  struct jpeg_compress_struct info;
  struct jpeg_error_mgr errors; /* an error ends the program and says why */
  info.err = jpeg_std_error(&errors);
  errors.emit_message = warn_of_nothing;
  jpeg_create_compress(&info);
  jpeg_stdio_dest(&info, file);
  encode(&info, job);
  jpeg_destroy_compress(&info);
}

int main(void) {
  struct job job;
  char line[8192];
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "%4095s %u %u %u %7s %63s %d %u %127s", job.path, &job.width, &job.height,
               &job.seed, job.colors, job.sampling, &job.quality, &job.restart, job.flags) != 9) {
      fprintf(stderr, "not a job: %s", line);
      return 1;
    }
    FILE* file = fopen(job.path, "wb");
    if (file == NULL) {
      perror(job.path);
      return 1;
    }
    write_jpeg(&job, file);
    if (fclose(file) != 0) return 1;
  }
  return 0;
}
