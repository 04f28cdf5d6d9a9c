// CPU milliseconds of the preprocessing core beside libjpeg-turbo's decode alone: one JSON object
// on standard output. Usage: preprocess_bench ROUNDS FILE.jpg
// With ROUNDS 0: how many bytes the process' memory peaks above what it was with the file loaded,
// while the file is preprocessed once.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
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
  static Workspace workspace;
  static PreprocessResult result;
  PreprocessSpec spec;
  spec.resize_filter = filter;
  const auto status = preprocess_into(result, workspace, bytes, spec);
  if (status) return;
  std::fprintf(stderr, "preprocess_bench: %s\n", status.error().message.c_str());
  std::exit(1);
}

// A line of /proc/self/status, in kB. (getrusage's peak outlives exec: it may be a parent's.)
long status_kilobytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::atol(line.c_str() + field.size());
  }
  return -1;
}

}  // namespace

int main(int count, char** arguments) {
  const int rounds = count == 3 ? std::atoi(arguments[1]) : -1;
  if (rounds < 0) {
    std::fprintf(stderr, "usage: preprocess_bench ROUNDS FILE.jpg\n");
    return 2;
  }
  std::ifstream file(arguments[2], std::ios::binary);
  // In one piece: a vector that grows would leave free memory behind, and hide a peak.
  file.seekg(0, std::ios::end);
  std::vector<uint8_t> bytes(static_cast<size_t>(std::max<std::streamoff>(file.tellg(), 0)));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (bytes.empty()) {
    std::fprintf(stderr, "preprocess_bench: cannot read %s\n", arguments[2]);
    return 1;
  }
  if (rounds == 0) {
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak is what there is now
    const long before = status_kilobytes("VmRSS:");
    preprocess_as(bytes, ResizeFilter::kBicubic, "");
    std::printf("%ld\n", (status_kilobytes("VmHWM:") - before) * 1024);
    return 0;
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
