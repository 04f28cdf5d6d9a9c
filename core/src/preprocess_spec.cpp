#include "beralih/preprocess_spec.h"

#include <cerrno>
#include <cmath>
#include <cstdlib>

#include "enum_names.h"

namespace beralih {

std::string_view name(ExifMode v) { return name_of(kExifNames, v); }
std::string_view name(Gray16Mode v) { return name_of(kGray16Names, v); }
std::string_view name(ResizeFilter v) { return name_of(kFilterNames, v); }
std::string_view name(ChannelOrder v) { return name_of(kChannelOrderNames, v); }
std::string_view name(Layout v) { return name_of(kLayoutNames, v); }
std::string_view name(ValueRange v) { return name_of(kValueRangeNames, v); }
std::string_view name(Rescale v) { return name_of(kRescaleNames, v); }
std::string_view dtype_knob_name(DataType v) { return name_of(kDtypeNames, v); }

std::string_view datatype_name(DataType type) {
  return type == DataType::kFloat32 ? "FP32" : "UINT8";
}

namespace {

// Larger inputs than any published classifier's, small enough that a tensor stays under 1 GiB.
constexpr int kMaxSide = 8192;

Error bad_knob(std::string_view knob, const std::string& expected) {
  return {ErrorCode::kInvalidArgument, std::string(knob) + ": expected " + expected};
}

Status check_side(std::string_view knob, Size size) {
  const auto ok = [](int side) { return side >= 1 && side <= kMaxSide; };
  if (ok(size.height) && ok(size.width)) return Ok{};
  return bad_knob(knob, "sizes from 1 to " + std::to_string(kMaxSide));
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ',') {
      parts.emplace_back();
    } else if (c != ' ') {
      parts.back() += c;
    }
  }
  return parts;
}

std::optional<double> parse_number(const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || errno == ERANGE || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<int> parse_integer(const std::string& text) {
  const auto value = parse_number(text);
  if (!value || *value != std::floor(*value) || std::fabs(*value) > 1e9) return std::nullopt;
  return static_cast<int>(*value);
}

// "224" or "224,256" (height, width).
Status set_size(std::string_view knob, std::string_view text, Size& size) {
  const auto parts = split_list(text);
  const auto height = parse_integer(parts[0]);
  const auto width = parts.size() > 1 ? parse_integer(parts[1]) : height;
  if (!height || !width || parts.size() > 2) return bad_knob(knob, "SIZE or HEIGHT,WIDTH");
  if (const auto status = check_side(knob, {*height, *width}); !status) return status;
  size = {*height, *width};
  return Ok{};
}

Status set_resize(std::string_view knob, std::string_view text, ResizeMode mode,
                  PreprocessSpec& spec) {
  Size size;
  if (const auto status = set_size(knob, text, size); !status) return status;
  if (mode != ResizeMode::kExact && size.height != size.width) return bad_knob(knob, "one SIZE");
  spec.resize_mode = mode;
  spec.resize_size = size;
  return Ok{};
}

template <typename E, size_t N>
Status set_enum(std::string_view knob, std::string_view text, const EnumNames<E, N>& names, E& to) {
  const auto value = value_of(names, text);
  if (!value) return bad_knob(knob, choices(names) + ", not \"" + std::string(text) + '"');
  to = *value;
  return Ok{};
}

template <typename T>
Status set_triple(std::string_view knob, std::string_view text, double low, double high,
                  std::array<T, 3>& to) {
  const auto parts = split_list(text);
  std::array<T, 3> values{};
  for (size_t i = 0; i < 3; ++i) {
    const auto value = parts.size() == 3 ? parse_number(parts[i]) : std::nullopt;
    if (!value || *value < low || *value > high) {
      return bad_knob(knob, "three comma-separated numbers in range, as in 0.5,0.5,0.5");
    }
    values[i] = static_cast<T>(*value);
  }
  to = values;
  return Ok{};
}

}  // namespace

Status set_knob(PreprocessSpec& spec, std::string_view knob, std::string_view value) {
  if (knob == "exif") return set_enum(knob, value, kExifNames, spec.exif);
  if (knob == "gray16") return set_enum(knob, value, kGray16Names, spec.gray16);
  if (knob == "resize_filter") return set_enum(knob, value, kFilterNames, spec.resize_filter);
  if (knob == "channel_order") return set_enum(knob, value, kChannelOrderNames, spec.channel_order);
  if (knob == "layout") return set_enum(knob, value, kLayoutNames, spec.layout);
  if (knob == "dtype") return set_enum(knob, value, kDtypeNames, spec.dtype);
  if (knob == "value_range") return set_enum(knob, value, kValueRangeNames, spec.value_range);
  if (knob == "rescale") return set_enum(knob, value, kRescaleNames, spec.rescale);
  if (knob == "resize_shorter_side") {
    return set_resize(knob, value, ResizeMode::kShorterSide, spec);
  }
  if (knob == "resize_longest_side") {
    return set_resize(knob, value, ResizeMode::kLongestSide, spec);
  }
  if (knob == "resize_exact") return set_resize(knob, value, ResizeMode::kExact, spec);
  if (knob == "resize" && value == "none") {
    spec.resize_mode = ResizeMode::kNone;
    return Ok{};
  }
  if (knob == "center_crop") {
    if (value == "none") {
      spec.center_crop.reset();
      return Ok{};
    }
    Size size;
    if (const auto status = set_size(knob, value, size); !status) return status;
    spec.center_crop = size;
    return Ok{};
  }
  constexpr double kLargest = 1e6;
  if (knob == "pad_value") return set_triple(knob, value, 0, 255, spec.pad_value);
  if (knob == "image_mean") return set_triple(knob, value, -kLargest, kLargest, spec.image_mean);
  if (knob == "image_std") {
    if (const auto status = set_triple(knob, value, 0, kLargest, spec.image_std); !status) {
      return status;
    }
    return validate(spec);
  }
  return Error{ErrorCode::kInvalidArgument,
               "no knob is called \"" + std::string(knob) +
                   "\"; the knobs are exif, gray16, resize_shorter_side, resize_longest_side, "
                   "resize_exact, resize (none), resize_filter, center_crop, pad_value, "
                   "channel_order, layout, dtype, value_range, rescale, image_mean, image_std"};
}

Status validate(const PreprocessSpec& spec) {
  if (spec.resize_mode != ResizeMode::kNone) {
    if (const auto status = check_side("resize", spec.resize_size); !status) return status;
  }
  if (spec.center_crop) {
    if (const auto status = check_side("center_crop", *spec.center_crop); !status) return status;
  }
  if (spec.dtype == DataType::kFloat32) {
    for (size_t c = 0; c < 3; ++c) {
      if (!std::isfinite(spec.image_mean[c])) return bad_knob("image_mean", "finite numbers");
      if (!std::isfinite(spec.image_std[c]) || spec.image_std[c] <= 0) {
        return bad_knob("image_std", "finite numbers above 0");
      }
    }
  }
  return Ok{};
}

std::optional<Size> output_size(const PreprocessSpec& spec) {
  if (spec.center_crop) return spec.center_crop;
  if (spec.resize_mode == ResizeMode::kExact) return spec.resize_size;
  return std::nullopt;
}

std::vector<int64_t> output_shape(const PreprocessSpec& spec) {
  const Size size = output_size(spec).value_or(Size{-1, -1});
  if (spec.layout == Layout::kNchw) return {-1, 3, size.height, size.width};
  return {-1, size.height, size.width, 3};
}

}  // namespace beralih
