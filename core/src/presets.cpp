// Presets expand to explicit knobs: a contract records the knobs, the name is only where they came
// from.
#include <algorithm>
#include <array>
#include <vector>

#include "beralih/preprocess_spec.h"
#include "preset_table.h"

namespace beralih {

namespace {

// torchvision's and timm's readers do not look at EXIF; both divide by 255.
PreprocessSpec from_row(const PresetRow& row) {
  PreprocessSpec spec;
  spec.exif = ExifMode::kIgnore;
  spec.resize_mode = row.mode;
  spec.resize_size = {row.resize, row.resize};
  spec.resize_filter = row.filter;
  spec.center_crop = Size{row.crop, row.crop};
  spec.image_mean = kPresetStatistics[row.statistics].mean;
  spec.image_std = kPresetStatistics[row.statistics].std;
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

constexpr std::string_view kDlibResnet34 = "dlib:resnet34", kHfVit = "hf-vit";

template <typename F>
void for_each_name(const PresetRow& row, F use) {
  std::string_view names = row.names;
  while (!names.empty()) {
    const size_t end = names.find('\n');
    use(names.substr(0, end));
    names.remove_prefix(end + 1);
  }
}

template <typename F>
void for_each_name(F use) {
  use(kDlibResnet34);
  use(kHfVit);
  for (const PresetRow& row : kPresetRows) for_each_name(row, use);
}

std::optional<PreprocessSpec> find(std::string_view name) {
  if (name == kDlibResnet34) return dlib_resnet34();
  if (name == kHfVit) return hf_vit();
  for (const PresetRow& row : kPresetRows) {
    bool found = false;
    for_each_name(row, [&](std::string_view candidate) { found |= candidate == name; });
    if (found) return from_row(row);
  }
  return std::nullopt;
}

/// Insertions, deletions and replacements that make one text the other; upper case is lower case.
size_t edit_distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 0; i < a.size(); ++i) {
    size_t corner = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = corner + (lower(a[i]) == lower(b[j]) ? 0 : 1);
      corner = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, corner + 1});
    }
  }
  return row.back();
}

std::string_view nearest(std::string_view name) {
  constexpr size_t kLongest = 100;  // of no preset's name; what is longer is not worth the time
  name = name.substr(0, kLongest);
  std::string_view best;
  size_t smallest = SIZE_MAX;
  for_each_name([&](std::string_view candidate) {
    const size_t distance = edit_distance(name, candidate);
    if (distance >= smallest) return;
    smallest = distance;
    best = candidate;
  });
  return best;
}

}  // namespace

Result<PreprocessSpec> preset(std::string_view name) {
  if (auto spec = find(name)) {
    spec->preset = name;
    return *std::move(spec);
  }
  constexpr size_t kShown = 80;
  return Error{
      ErrorCode::kInvalidArgument,
      "no preset is called \"" + std::string(name.substr(0, kShown)) + "\", the nearest is \"" +
          std::string(nearest(name)) +
          "\"; there are dlib:resnet34, hf-vit, torchvision:<weights enum> and timm:<name>"};
}

std::vector<std::string_view> preset_names() {
  std::vector<std::string_view> names;
  for_each_name([&](std::string_view name) { names.push_back(name); });
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace beralih
