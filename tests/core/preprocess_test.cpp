#include "beralih/preprocess.h"

#include <catch2/catch.hpp>

#include "beralih/resize.h"
#include "beralih/sha256.h"
#include "core/test_image.h"
#include "golden/golden_vectors.h"

using namespace beralih;

namespace {

std::vector<uint8_t> picture() { return from_hex(golden::kFiles[0].hex); }  // 38 x 26

}  // namespace

TEST_CASE("the pipeline is its stages, one after the other") {
  PreprocessSpec spec;
  spec.resize_size = {16, 16};
  spec.center_crop = Size{12, 14};
  PreprocessTrace trace;
  const auto result = preprocess(picture(), spec, kDefaultMaxPixels, &trace);
  REQUIRE(result);
  CHECK(result->tensor.shape == std::vector<int64_t>{1, 3, 12, 14});
  CHECK(result->oriented == Size{26, 38});
  CHECK(result->header.format == ImageFormat::kJpeg);

  const auto decoded = decode(picture(), {});
  REQUIRE(decoded);
  CHECK(trace.decoded.pixels == decoded->pixels);
  const auto resized = resize(*decoded, {16, 23}, ResizeFilter::kBilinear);
  REQUIRE(resized);
  const Image cropped = center_crop(*resized, {12, 14}, {0, 0, 0});
  CHECK(trace.cropped.pixels == cropped.pixels);
  CHECK(sha256_hex(result->tensor.bytes()) == sha256_hex(normalize(cropped, spec).bytes()));
}

TEST_CASE("the same bytes give the same tensor, every time") {
  const PreprocessSpec spec;
  const auto first = preprocess(picture(), spec);
  const auto second = preprocess(picture(), spec);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(sha256_hex(first->tensor.bytes()) == sha256_hex(second->tensor.bytes()));
}

TEST_CASE("a resize that would explode is refused") {
  PreprocessSpec spec;
  spec.resize_mode = ResizeMode::kExact;
  spec.resize_size = {8192, 8192};
  const auto result = preprocess(picture(), spec, 1 << 20);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::kImageTooLarge);
}

TEST_CASE("errors of the stages come through") {
  CHECK(preprocess({}, PreprocessSpec{}).error().code == ErrorCode::kInvalidArgument);
  PreprocessSpec spec;
  spec.image_std = {1, 0, 1};
  CHECK(preprocess(picture(), spec).error().code == ErrorCode::kInvalidArgument);
}
