// How fast a bundle's files are checked:  bundle_bench BUNDLE CACHE_DIRECTORY
// One JSON object: SHA-256 of the largest file on one core, all files in parallel, with the hashes
// known.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "beralih/sha256.h"
#include "bundle/bundle.h"

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// As `openssl speed` counts.
double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double open_seconds(const char* directory, const beralih::OpenOptions& options) {
  const auto start = Clock::now();
  const auto bundle = beralih::open_bundle(directory, options);
  if (bundle) return seconds_since(start);
  std::fprintf(stderr, "bundle_bench: %s\n", bundle.error().message.c_str());
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: bundle_bench BUNDLE CACHE_DIRECTORY\n", stderr);
    return 2;
  }
  beralih::OpenOptions options;
  options.cache_directory = argv[2];
  const double all = open_seconds(argv[1], options);
  options.verify = beralih::VerifyMode::kCached;
  open_seconds(argv[1], options);  // fills the cache
  const double cached = open_seconds(argv[1], options);

  options.verify = beralih::VerifyMode::kNever;
  const auto bundle = beralih::open_bundle(argv[1], options);
  if (!bundle) return 1;
  std::span<const uint8_t> largest;
  size_t total = 0;
  for (const auto& [path, file] : bundle->files) {
    total += file->bytes().size();
    if (file->bytes().size() > largest.size()) largest = file->bytes();
  }
  double best = 1e9;
  for (int run = 0; run < 3; ++run) {
    const double start = processor_seconds();
    (void)beralih::sha256_hex(largest);
    best = std::min(best, processor_seconds() - start);
  }
  std::printf(
      "{\"bytes\": %zu, \"sha256_bytes_per_s\": %.0f, \"open_always_s\": %.4f, "
      "\"open_cached_s\": %.4f}\n",
      total, static_cast<double>(largest.size()) / best, all, cached);
  return 0;
}
