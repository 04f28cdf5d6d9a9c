#include "beralih/resize.h"

#include <catch2/catch.hpp>
#include <numeric>

#include "beralih/sha256.h"
#include "core/test_image.h"
#include "golden/golden_vectors.h"

using namespace beralih;

TEST_CASE("resize equals Pillow, bit for bit") {
  for (const auto& golden : golden::kResizes) {
    CAPTURE(golden.in_width, golden.in_height, golden.out_width, golden.out_height,
            name(golden.filter));
    const auto out = resize(test_image(golden.in_width, golden.in_height, 1),
                            {golden.out_height, golden.out_width}, golden.filter);
    REQUIRE(out);
    CHECK(sha256_hex(out->pixels) == golden.sha256);
  }
}

TEST_CASE("centre crop equals torchvision, padding included") {
  for (const auto& golden : golden::kCrops) {
    CAPTURE(golden.width, golden.height, golden.crop_height, golden.crop_width);
    const Image out = center_crop(test_image(golden.width, golden.height, 2),
                                  {golden.crop_height, golden.crop_width}, {0, 0, 0});
    CHECK(sha256_hex(out.pixels) == golden.sha256);
  }
}

TEST_CASE("centre crop pads with the value that it is given") {
  const Image out = center_crop(test_image(1, 1, 3), {3, 3}, {9, 8, 7});
  CHECK(out.row(0)[0] == 9);
  CHECK(out.row(0)[1] == 8);
  CHECK(out.row(2)[8] == 7);
  CHECK(out.row(1)[3] == test_image(1, 1, 3).pixels[0]);
}

TEST_CASE("the weights of every window sum to one in fixed point, up to rounding") {
  for (const auto filter : {ResizeFilter::kBox, ResizeFilter::kBilinear, ResizeFilter::kBicubic}) {
    const auto weights = resample_weights(500, 224, filter);
    REQUIRE(weights.windows.size() == 224);
    for (size_t i = 0; i < weights.windows.size(); ++i) {
      const auto [first, count] = weights.windows[i];
      CHECK(first >= 0);
      CHECK(first + count <= 500);
      const auto* w = weights.weights.data() + i * static_cast<size_t>(weights.window_size);
      const int64_t sum = std::accumulate(w, w + count, int64_t{0});
      CHECK(std::abs(sum - (1 << 22)) <= count);
    }
  }
}

TEST_CASE("resized_size floors the long side as torchvision does") {
  PreprocessSpec spec;
  spec.resize_size = {256, 256};
  CHECK(resized_size({375, 500}, spec) == Size{256, 341});
  CHECK(resized_size({500, 375}, spec) == Size{341, 256});
  CHECK(resized_size({7, 7}, spec) == Size{256, 256});
  spec.resize_mode = ResizeMode::kLongestSide;
  CHECK(resized_size({375, 500}, spec) == Size{192, 256});
  CHECK(resized_size({1, 5000}, spec) == Size{1, 256});
  spec.resize_mode = ResizeMode::kExact;
  spec.resize_size = {10, 20};
  CHECK(resized_size({375, 500}, spec) == Size{10, 20});
  spec.resize_mode = ResizeMode::kNone;
  CHECK(resized_size({375, 500}, spec) == Size{375, 500});
}

TEST_CASE("a size below one pixel is refused") {
  const auto out = resize(test_image(2, 2, 1), {0, 5}, ResizeFilter::kBilinear);
  REQUIRE_FALSE(out);
  CHECK(out.error().code == ErrorCode::kInvalidArgument);
}
