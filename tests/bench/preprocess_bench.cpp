// CPU milliseconds of the preprocessing core beside libjpeg-turbo's decode alone: one JSON object
// on standard output. Usage: preprocess_bench ROUNDS FILE.jpg
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "beralih/preprocess.h"
#include "beralih/resize_kernels.h"

#include <jpeglib.h>

using namespace beralih;

namespace {

double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// Every row to RGB, into the same few lines: no allocation of ours.
void decode_alone(const std::vector<uint8_t>& bytes) {
  constexpr int kLines = 16;
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes.data(), bytes.size());
  jpeg_read_header(&info, TRUE);
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  static std::vector<uint8_t> lines;
  lines.resize(static_cast<size_t>(info.output_width) * 3 * kLines);
  JSAMPROW rows[kLines];
  for (size_t i = 0; i < kLines; ++i) rows[i] = lines.data() + i * info.output_width * 3;
  while (info.output_scanline < info.output_height) jpeg_read_scanlines(&info, rows, kLines);
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
}

void preprocess_as(const std::vector<uint8_t>& bytes, ResizeFilter filter, const char* kernels) {
  use_resize_kernels(kernels);
  PreprocessSpec spec;
  spec.resize_filter = filter;
  const auto result = preprocess(bytes, spec);
  if (result) return;
  std::fprintf(stderr, "preprocess_bench: %s\n", result.error().message.c_str());
  std::exit(1);
}

}  // namespace

int main(int count, char** arguments) {
  const int rounds = count == 3 ? std::atoi(arguments[1]) : 0;
  if (rounds < 1) {
    std::fprintf(stderr, "usage: preprocess_bench ROUNDS FILE.jpg\n");
    return 2;
  }
  std::ifstream file(arguments[2], std::ios::binary);
  const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.empty()) {
    std::fprintf(stderr, "preprocess_bench: cannot read %s\n", arguments[2]);
    return 1;
  }
  struct Row {
    const char* name;
    std::function<void()> run;
    std::vector<double> ms;
  };
  std::vector<Row> rows{
      {"libjpeg-turbo decode alone", [&] { decode_alone(bytes); },                               {}},
      {"beralih bilinear",           [&] { preprocess_as(bytes, ResizeFilter::kBilinear, ""); }, {}},
      {"beralih bicubic",            [&] { preprocess_as(bytes, ResizeFilter::kBicubic, ""); },  {}},
      {"beralih bilinear, scalar",
       [&] { preprocess_as(bytes, ResizeFilter::kBilinear, "scalar"); },
       {}                                                                                          },
      {"beralih bicubic, scalar",
       [&] { preprocess_as(bytes, ResizeFilter::kBicubic, "scalar"); },
       {}                                                                                          },
  };
  // In turns, so that a change of the processor's speed meets every row alike.
  for (int round = -1; round < rounds; ++round) {
    for (Row& row : rows) {
      const double start = cpu_ms();
      row.run();
      if (round >= 0) row.ms.push_back(cpu_ms() - start);
    }
  }
  std::printf("{");
  for (size_t i = 0; i < rows.size(); ++i) {
    auto& ms = rows[i].ms;
    std::nth_element(ms.begin(), ms.begin() + rounds / 2, ms.end());
    std::printf("%s\"%s\": %.3f", i > 0 ? ", " : "", rows[i].name,
                ms[static_cast<size_t>(rounds / 2)]);
  }
  std::printf("}\n");
  return 0;
}
