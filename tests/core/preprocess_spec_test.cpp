#include "beralih/preprocess_spec.h"

#include <catch2/catch.hpp>

using namespace beralih;

TEST_CASE("every preset is valid and known by its name") {
  REQUIRE(preset_names().size() >= 150);
  for (const auto preset_name : preset_names()) {
    const auto spec = preset(preset_name);
    REQUIRE(spec);
    CHECK(spec->preset == preset_name);
    CHECK(validate(*spec));
    CHECK(output_size(*spec).has_value());
  }
}

TEST_CASE("an unknown preset names the nearest one") {
  struct Case {
    std::string name, nearest;
  };
  const std::vector<Case> cases{
      {"dlib:resnet43",                               "dlib:resnet34"                             },
      {"torchvision:resnet50_weights.imagenet1k_v2",  "torchvision:ResNet50_Weights.IMAGENET1K_V2"},
      {"torchvision:ViT_L_16_Weights.IMAGENET1K_V1 ", "torchvision:ViT_L_16_Weights.IMAGENET1K_V1"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name.substr(0, 80));
    const auto spec = preset(c.name);
    REQUIRE_FALSE(spec);
    CHECK(spec.error().code == ErrorCode::kInvalidArgument);
    CHECK(spec.error().message.find("the nearest is \"" + c.nearest) != std::string::npos);
  }
  const auto spec = preset(std::string(1'000'000, 'x'));
  REQUIRE_FALSE(spec);
  CHECK(spec.error().message.size() < 400);
}

TEST_CASE("dlib:resnet34 has the knobs it was measured with") {
  const auto spec = preset("dlib:resnet34");
  REQUIRE(spec);
  CHECK(spec->resize_mode == ResizeMode::kShorterSide);
  CHECK(spec->resize_size == Size{259, 259});
  CHECK(spec->center_crop == Size{227, 227});
  CHECK(spec->value_range == ValueRange::kZeroTo255);
  CHECK(output_shape(*spec) == std::vector<int64_t>{-1, 3, 227, 227});
}

TEST_CASE("set_knob sets each knob") {
  PreprocessSpec spec;
  const auto set = [&](std::string_view knob, std::string_view value) {
    CAPTURE(knob, value);
    CHECK(set_knob(spec, knob, value));
  };
  set("exif", "ignore");
  set("gray16", "pillow");
  set("resize_exact", "10, 20");
  set("resize_filter", "lanczos");
  set("center_crop", "5");
  set("pad_value", "1,2,3");
  set("channel_order", "BGR");
  set("layout", "NHWC");
  set("dtype", "float32");
  set("value_range", "0..1");
  set("rescale", "multiply");
  set("image_mean", "0.5,0.25,0");
  set("image_std", "1,2,4");
  CHECK(spec.exif == ExifMode::kIgnore);
  CHECK(spec.resize_mode == ResizeMode::kExact);
  CHECK(spec.resize_size == Size{10, 20});
  CHECK(spec.resize_filter == ResizeFilter::kLanczos);
  CHECK(spec.center_crop == Size{5, 5});
  CHECK(spec.pad_value == std::array<uint8_t, 3>{1, 2, 3});
  CHECK(spec.image_mean == std::array<float, 3>{0.5f, 0.25f, 0.0f});
  set("resize", "none");
  set("center_crop", "none");
  CHECK(spec.resize_mode == ResizeMode::kNone);
  CHECK_FALSE(spec.center_crop.has_value());
  CHECK(output_shape(spec) == std::vector<int64_t>{-1, -1, -1, 3});
}

TEST_CASE("a wrong knob or value changes nothing and is named") {
  const PreprocessSpec before;
  const auto refused = [&](std::string_view knob, std::string_view value) {
    CAPTURE(knob, value);
    PreprocessSpec spec;
    const auto status = set_knob(spec, knob, value);
    REQUIRE_FALSE(status);
    CHECK(status.error().code == ErrorCode::kInvalidArgument);
    CHECK(status.error().message.find(std::string(knob)) != std::string::npos);
    if (knob != "image_std") CHECK(spec == before);
  };
  refused("resize_fliter", "bilinear");
  refused("resize_filter", "linear");
  refused("resize_shorter_side", "0");
  refused("resize_shorter_side", "100000");
  refused("resize_shorter_side", "1,2");
  refused("resize_shorter_side", "nan");
  refused("center_crop", "224,224,3");
  refused("pad_value", "0,0,256");
  refused("image_mean", "0.5");
  refused("image_std", "1,1,0");
}
