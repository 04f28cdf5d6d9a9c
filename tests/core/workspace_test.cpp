// A workspace is used again: the same results, next to no allocations, nothing shared by threads.
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>
#include <thread>

#include "beralih/preprocess.h"
#include "core/encoded_image.h"

using namespace beralih;

namespace {

thread_local int64_t allocations = 0;
thread_local int64_t allocated_bytes = 0;

[[maybe_unused]] void* counted(size_t size) {
  ++allocations;
  allocated_bytes += static_cast<int64_t>(size);
  if (void* memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}

}  // namespace

// For the whole test program; libjpeg and zlib, which are C, are not counted. The sanitizers have
// operators of their own, which pair each new with its delete: nothing is counted there.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define BERALIH_COUNTS_ALLOCATIONS 1
void* operator new(size_t size) { return counted(size); }
void* operator new[](size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
#endif

namespace {

constexpr int64_t kMostAllocations = 4;
constexpr int64_t kMostBytes = 8 * 1024;

struct Case {
  const char* name;
  std::vector<uint8_t> bytes;
};

std::vector<Case> cases(int width, int height) {
  JpegKind chroma, progressive, turned;
  chroma.horizontal = chroma.vertical = 2;
  progressive.progressive = true;
  turned.orientation = 6;
  return {
      {"JPEG",             encode_jpeg(chroma,      width, height, 1)},
      {"progressive JPEG", encode_jpeg(progressive, width, height, 2)},
      {"JPEG on its side", encode_jpeg(turned,      width, height, 3)},
      {"PNG",              encode_png({},           width, height, 4)}
  };
}

PreprocessSpec spec_of(ResizeFilter filter, DataType dtype) {
  PreprocessSpec spec;
  spec.resize_filter = filter;
  spec.dtype = dtype;
  return spec;
}

}  // namespace

TEST_CASE("a workspace's second picture of a size allocates next to nothing") {
  const PreprocessSpec spec;
  for (const Case& each : cases(640, 481)) {
    CAPTURE(each.name);
    Workspace workspace;
    PreprocessResult result;
    allocated_bytes = 0;
    REQUIRE(preprocess_into(result, workspace, each.bytes, spec));
#ifdef BERALIH_COUNTS_ALLOCATIONS
    CHECK(allocated_bytes > 3 * 224 * 224 * 4);  // the tensor at least: the counting works
#endif
    const Tensor first = result.tensor;
    for (int again = 0; again < 3; ++again) {
      allocations = allocated_bytes = 0;
      const auto status = preprocess_into(result, workspace, each.bytes, spec);
      // Read before the first assertion: some reporters keep each one, in memory of their own.
      const int64_t taken = allocations;
      const int64_t taken_bytes = allocated_bytes;
      REQUIRE(status);
      CHECK(taken <= kMostAllocations);
      CHECK(taken_bytes <= kMostBytes);
      CHECK(result.tensor.data == first.data);
      CHECK(result.tensor.shape == first.shape);
    }
  }
}

TEST_CASE("one workspace serves pictures of every size, format and spec in turn") {
  Workspace workspace;
  PreprocessResult kept;
  for (const auto& [width, height] : {
           std::pair{900, 31 },
           {31,  900},
           {224, 224},
           {7,   5  },
           {640, 480}
  }) {
    for (const Case& each : cases(width, height)) {
      for (const auto filter : {ResizeFilter::kBilinear, ResizeFilter::kLanczos}) {
        for (const auto dtype : {DataType::kFloat32, DataType::kUint8}) {
          CAPTURE(each.name, width, height);
          const auto spec = spec_of(filter, dtype);
          REQUIRE(preprocess_into(kept, workspace, each.bytes, spec));
          const auto fresh = preprocess(each.bytes, spec);
          REQUIRE(fresh);
          CHECK(kept.tensor.data == fresh->tensor.data);
          CHECK(kept.tensor.shape == fresh->tensor.shape);
          CHECK(kept.oriented == fresh->oriented);
          // An error between two pictures leaves nothing behind.
          const std::span<const uint8_t> half(each.bytes.data(), each.bytes.size() / 2);
          const auto broken = preprocess_into(kept, workspace, half, spec);
          const auto fresh_broken = preprocess(half, spec);
          REQUIRE(static_cast<bool>(broken) == static_cast<bool>(fresh_broken));
          if (!broken) CHECK(broken.error().message == fresh_broken.error().message);
        }
      }
    }
  }
}

#ifndef __EMSCRIPTEN__
TEST_CASE("threads with a workspace each do not meet") {
  const auto pictures = cases(333, 257);
  std::atomic<int> different{0}, allocating{0};
  std::vector<std::thread> threads;
  std::vector<Tensor> expected;
  for (const Case& each : pictures) expected.push_back(preprocess(each.bytes, {})->tensor);
  for (size_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      Workspace workspace;
      PreprocessResult result;
      for (size_t round = 0; round < 40; ++round) {
        const size_t i = (round + thread) % pictures.size();
        allocations = 0;
        if (!preprocess_into(result, workspace, pictures[i].bytes, {})) ++different;
        if (result.tensor.data != expected[i].data) ++different;
        if (round >= 2 * pictures.size() && allocations > kMostAllocations) ++allocating;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(different == 0);
  CHECK(allocating == 0);
}
#endif
