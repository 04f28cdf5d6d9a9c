// Presets expand to explicit knobs: a contract records the knobs, the name is only where they came
// from. torchvision's are its weights' own transforms(), version 0.14.1.
#include <array>

#include "beralih/preprocess_spec.h"

namespace beralih {

namespace {

PreprocessSpec imagenet(int shorter_side, int crop, ResizeFilter filter) {
  PreprocessSpec spec;            // mean and std default to ImageNet's
  spec.exif = ExifMode::kIgnore;  // torchvision's loader does not look at EXIF
  spec.resize_size = {shorter_side, shorter_side};
  spec.resize_filter = filter;
  spec.center_crop = Size{crop, crop};
  return spec;
}

// dlib's ResNet-34 (dnn_imagenet_ex.cpp): raw bytes minus the training mean, over 256. The resize
// is ours: 259 with a 227 crop did best on 200 labelled photographs.
PreprocessSpec dlib_resnet34() {
  PreprocessSpec spec;
  spec.resize_size = {259, 259};
  spec.center_crop = Size{227, 227};
  spec.value_range = ValueRange::kZeroTo255;
  spec.image_mean = {122.782f, 117.001f, 104.298f};
  spec.image_std = {256.0f, 256.0f, 256.0f};
  return spec;
}

// transformers' ViTImageProcessor: squashed to 224 x 224, multiplied by 1/255, mean = std = 0.5.
PreprocessSpec hf_vit() {
  PreprocessSpec spec;
  spec.exif = ExifMode::kIgnore;
  spec.resize_mode = ResizeMode::kExact;
  spec.resize_size = {224, 224};
  spec.center_crop.reset();
  spec.rescale = Rescale::kMultiply;
  spec.image_mean = {0.5f, 0.5f, 0.5f};
  spec.image_std = {0.5f, 0.5f, 0.5f};
  return spec;
}

struct Entry {
  std::string_view name;
  PreprocessSpec (*make)();
};

constexpr std::array<Entry, 6> kPresets{
    {
     {"dlib:resnet34", dlib_resnet34},
     {"torchvision:ResNet50_Weights.IMAGENET1K_V1",
         [] { return imagenet(256, 224, ResizeFilter::kBilinear); }},
     {"torchvision:ViT_L_16_Weights.IMAGENET1K_V1",
         [] { return imagenet(242, 224, ResizeFilter::kBilinear); }},
     {"torchvision:ViT_L_16_Weights.IMAGENET1K_SWAG_LINEAR_V1",
         [] { return imagenet(224, 224, ResizeFilter::kBicubic); }},
     {"torchvision:ViT_L_16_Weights.IMAGENET1K_SWAG_E2E_V1",
         [] { return imagenet(512, 512, ResizeFilter::kBicubic); }},
     {"hf-vit", hf_vit},
     }
};

}  // namespace

Result<PreprocessSpec> preset(std::string_view name) {
  std::string known;
  for (const Entry& entry : kPresets) {
    if (entry.name == name) {
      PreprocessSpec spec = entry.make();
      spec.preset = entry.name;
      return spec;
    }
    known += known.empty() ? "" : ", ";
    known += entry.name;
  }
  return Error{ErrorCode::kInvalidArgument,
               "no preset is called \"" + std::string(name) + "\"; the presets are " + known};
}

std::vector<std::string_view> preset_names() {
  std::vector<std::string_view> names;
  for (const Entry& entry : kPresets) names.push_back(entry.name);
  return names;
}

}  // namespace beralih
