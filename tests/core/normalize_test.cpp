#include <catch2/catch.hpp>
#include <cstring>

#include "beralih/preprocess.h"
#include "beralih/sha256.h"
#include "core/test_image.h"
#include "golden/golden_vectors.h"

using namespace beralih;

namespace {

PreprocessSpec imagenet() {
  auto spec = preset("torchvision:ResNet50_Weights.IMAGENET1K_V1");
  REQUIRE(spec);
  return *spec;
}

}  // namespace

TEST_CASE("the table is torchvision's, bit for bit") {
  const auto table = normalization_table(imagenet());
  const auto* bytes = reinterpret_cast<const uint8_t*>(table.data());
  CHECK(sha256_hex(std::span(bytes, sizeof table)) == golden::kImagenetTable);
}

TEST_CASE("raw values: byte minus mean over std, each rounded") {
  const auto spec = preset("dlib:resnet34");
  REQUIRE(spec);
  const auto table = normalization_table(*spec);
  CHECK(table[0][0] == (0.0f - 122.782f) / 256.0f);
  CHECK(table[2][255] == (255.0f - 104.298f) / 256.0f);
}

TEST_CASE("rescaling by multiplication rounds differently from division") {
  PreprocessSpec spec = imagenet();
  spec.image_mean = {0, 0, 0};
  spec.image_std = {1, 1, 1};
  const auto divided = normalization_table(spec);
  spec.rescale = Rescale::kMultiply;
  const auto multiplied = normalization_table(spec);
  for (size_t i = 0; i < 256; ++i) {
    CHECK(divided[0][i] == static_cast<float>(i) / 255.0f);
    CHECK(multiplied[0][i] == static_cast<float>(static_cast<double>(i) * (1.0 / 255.0)));
  }
}

TEST_CASE("layout, channel order and dtype put every byte where they say") {
  const Image image = test_image(3, 2, 5);
  PreprocessSpec spec = imagenet();
  spec.dtype = DataType::kUint8;
  const auto byte = [&](const Tensor& t, size_t i) {
    return std::get<std::vector<uint8_t>>(t.data)[i];
  };
  for (const auto order : {ChannelOrder::kRgb, ChannelOrder::kBgr}) {
    spec.channel_order = order;
    spec.layout = Layout::kNchw;
    const Tensor nchw = normalize(image, spec);
    CHECK(nchw.shape == std::vector<int64_t>{1, 3, 2, 3});
    spec.layout = Layout::kNhwc;
    const Tensor nhwc = normalize(image, spec);
    CHECK(nhwc.shape == std::vector<int64_t>{1, 2, 3, 3});
    for (size_t pixel = 0; pixel < 6; ++pixel) {
      for (size_t c = 0; c < 3; ++c) {
        const size_t source = order == ChannelOrder::kRgb ? c : 2 - c;
        CHECK(byte(nchw, c * 6 + pixel) == image.pixels[pixel * 3 + source]);
        CHECK(byte(nhwc, pixel * 3 + c) == image.pixels[pixel * 3 + source]);
      }
    }
  }
}
