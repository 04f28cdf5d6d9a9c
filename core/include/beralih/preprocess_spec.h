// Every knob that decides how an image becomes a tensor. PREPROCESSING rules: see HACKING.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "beralih/image.h"
#include "beralih/result.h"
#include "beralih/tensor.h"

namespace beralih {

/// EXIF (else XMP) orientation: applied as Pillow's ImageOps.exif_transpose, or ignored as
/// torchvision's image loader does.
enum class ExifMode { kTranspose, kIgnore };

/// 16-bit gray PNG to 8 bits: the high byte, or what Pillow 9.4 computes (saturates above 255,
/// Convert.c 855). High byte is the one deliberate difference from Pillow.
enum class Gray16Mode { kHighByte, kPillow };

enum class ResizeMode {
  kNone,
  kShorterSide,  ///< shorter side = size.height; longer side floor(size * long / short)
  kLongestSide,  ///< longest side = size.height; shorter side floor(size * short / long), at least
                 ///< 1
  kExact,        ///< size.height x size.width, aspect ratio not kept
};

enum class ResizeFilter { kNearest, kBox, kBilinear, kHamming, kBicubic, kLanczos };
enum class ChannelOrder { kRgb, kBgr };
enum class Layout { kNchw, kNhwc };

enum class ValueRange {
  kZeroToOne,  ///< the byte / 255 before mean and std (torchvision)
  kZeroTo255,  ///< the byte itself (dlib, Keras "caffe" mode)
};

/// How a byte becomes 0..1: float32 division by 255 (torchvision's ToTensor), or multiplication by
/// 1/255 in double, rounded to float32 (Hugging Face image processors).
enum class Rescale { kDivide, kMultiply };

struct PreprocessSpec {
  std::string preset;  ///< where the knobs came from, e.g. "dlib:resnet34"; informative, not hashed

  ExifMode exif = ExifMode::kTranspose;
  Gray16Mode gray16 = Gray16Mode::kHighByte;

  ResizeMode resize_mode = ResizeMode::kShorterSide;
  Size resize_size{256, 256};  ///< kShorterSide and kLongestSide use height == width
  ResizeFilter resize_filter = ResizeFilter::kBilinear;

  std::optional<Size> center_crop = Size{224, 224};
  std::array<uint8_t, 3> pad_value{
      0, 0, 0};  ///< RGB; center_crop pads with it where the image is smaller

  ChannelOrder channel_order = ChannelOrder::kRgb;
  Layout layout = Layout::kNchw;
  DataType dtype = DataType::kFloat32;

  // Only for float32:
  ValueRange value_range = ValueRange::kZeroToOne;
  Rescale rescale = Rescale::kDivide;                       ///< only for kZeroToOne
  std::array<float, 3> image_mean{0.485f, 0.456f, 0.406f};  ///< in channel_order
  std::array<float, 3> image_std{0.229f, 0.224f, 0.225f};   ///< in channel_order

  bool operator==(const PreprocessSpec&) const = default;
};

/// Whether the knobs make sense together; the error names the knob.
Status validate(const PreprocessSpec& spec);

/// Height and width of the tensor where the spec fixes them (a crop or an exact resize).
std::optional<Size> output_size(const PreprocessSpec& spec);

/// [-1, 3, H, W] or [-1, H, W, 3]; -1 for the batch and for sizes that depend on the image.
std::vector<int64_t> output_shape(const PreprocessSpec& spec);

/// The knobs of a named preset: "dlib:resnet34", "hf-vit", "torchvision:<weights enum>" (as
/// "torchvision:ViT_L_16_Weights.IMAGENET1K_V1"), "timm:<name>". The error names the nearest one.
Result<PreprocessSpec> preset(std::string_view name);

/// Every preset's name, sorted. Static storage.
std::vector<std::string_view> preset_names();

/// Sets one knob from text, as `--set knob=value` does; the knobs have their JSON names, lists are
/// comma-separated. Errors name the knob and what it accepts.
Status set_knob(PreprocessSpec& spec, std::string_view knob, std::string_view value);

/// The names of the enumerations as they stand in JSON. Static storage.
std::string_view name(ExifMode v);
std::string_view name(Gray16Mode v);
std::string_view name(ResizeFilter v);
std::string_view name(ChannelOrder v);
std::string_view name(Layout v);
std::string_view name(ValueRange v);
std::string_view name(Rescale v);
/// The JSON name of a dtype knob: "float32", "uint8".
std::string_view dtype_knob_name(DataType v);

}  // namespace beralih
