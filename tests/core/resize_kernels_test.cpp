// Every instruction set against a plain two-pass resampler, over random sizes, filters and crops.
#include "beralih/resize_kernels.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "beralih/resize.h"
#include "beralih/sha256.h"
#include "core/test_image.h"
#include "golden/golden_vectors.h"

using namespace beralih;

namespace {

struct RestoreKernels {
  ~RestoreKernels() { use_resize_kernels(""); }
};

// One axis: `step` bytes from one input to the next, for `lines` lines `line_step` bytes apart.
void resample(const uint8_t* in, uint8_t* out, int step, int lines, int in_line_step,
              int out_line_step, const ResampleWeights& weights) {
  for (int line = 0; line < lines; ++line) {
    for (size_t o = 0; o < weights.windows.size(); ++o) {
      const auto [first, count] = weights.windows[o];
      for (int c = 0; c < 3; ++c) {
        int32_t sum = 1 << 21;
        for (int i = 0; i < count; ++i) {
          sum +=
              in[line * in_line_step + (first + i) * step + c] *
              weights
                  .weights[o * static_cast<size_t>(weights.window_size) + static_cast<size_t>(i)];
        }
        const int position = line * out_line_step + static_cast<int>(o) * step + c;
        out[position] = static_cast<uint8_t>(std::clamp(sum >> 22, 0, 255));
      }
    }
  }
}

Image plain_resize(const Image& image, Size size, ResizeFilter filter) {
  Image between = image;
  if (size.width != image.width) {
    between = Image::allocate(image.height, size.width);
    resample(image.pixels.data(), between.pixels.data(), 3, image.height, image.width * 3,
             size.width * 3, resample_weights(image.width, size.width, filter));
  }
  if (size.height == image.height) return between;
  Image out = Image::allocate(size.height, size.width);
  const auto weights = resample_weights(image.height, size.height, filter);
  resample(between.pixels.data(), out.pixels.data(), size.width * 3, size.width, 3, 3, weights);
  return out;
}

constexpr ResizeFilter kFilters[] = {ResizeFilter::kBox, ResizeFilter::kBilinear,
                                     ResizeFilter::kHamming, ResizeFilter::kBicubic,
                                     ResizeFilter::kLanczos};

}  // namespace

TEST_CASE("every instruction set equals Pillow's golden vectors") {
  const RestoreKernels restore;
  REQUIRE(resize_kernel_names().back() == "scalar");
  for (const auto kernels : resize_kernel_names()) {
    REQUIRE(use_resize_kernels(kernels));
    for (const auto& golden : golden::kResizes) {
      CAPTURE(kernels, golden.in_width, golden.in_height, golden.out_width, golden.out_height);
      const auto out = resize(test_image(golden.in_width, golden.in_height, 1),
                              {golden.out_height, golden.out_width}, golden.filter);
      REQUIRE(out);
      CHECK(sha256_hex(out->pixels) == golden.sha256);
    }
  }
  CHECK_FALSE(use_resize_kernels("abacus"));
}

TEST_CASE("every instruction set equals a plain resampler, crops included") {
  const RestoreKernels restore;
  std::mt19937 random(20240501);
  const auto up_to = [&](int limit) {
    return 1 + static_cast<int>(random() % static_cast<unsigned>(limit));
  };
  for (int round = 0; round < 600; ++round) {
    const int limit = round % 3 == 0 ? 12 : round % 3 == 1 ? 70 : 260;
    Image image = test_image(up_to(limit), up_to(limit), static_cast<uint32_t>(random()));
    // Saturated pictures overshoot, and show a sum that wraps.
    if (round % 2 == 0) {
      for (uint8_t& byte : image.pixels) byte = byte < 128 ? 0 : 255;
    }
    const Size size{round % 7 == 0 ? image.height : up_to(limit),
                    round % 11 == 0 ? image.width : up_to(limit)};
    const Size crop{up_to(limit), up_to(limit)};
    for (const auto filter : kFilters) {
      const Image plain = plain_resize(image, size, filter);
      const Image cropped = center_crop(plain, crop, {1, 2, 3});
      for (const auto kernels : resize_kernel_names()) {
        REQUIRE(use_resize_kernels(kernels));
        const auto whole = resize(image, size, filter);
        const auto part = resize_and_crop(image, size, filter, crop, {1, 2, 3});
        if (whole->pixels != plain.pixels || part->pixels != cropped.pixels) {
          FAIL(kernels << " " << name(filter) << " " << image.width << "x" << image.height << " to "
                       << size.width << "x" << size.height << " crop " << crop.width << "x"
                       << crop.height);
        }
      }
    }
  }
}
