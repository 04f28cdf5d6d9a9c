// The JSON spelling of every enumeration, in one place for parsing, printing and error messages.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "beralih/preprocess_spec.h"

namespace beralih {

template <typename E, size_t N>
using EnumNames = std::array<std::pair<E, std::string_view>, N>;

inline constexpr EnumNames<ExifMode, 2> kExifNames{
    {{ExifMode::kTranspose, "transpose"}, {ExifMode::kIgnore, "ignore"}}
};
inline constexpr EnumNames<Gray16Mode, 2> kGray16Names{
    {{Gray16Mode::kHighByte, "high_byte"}, {Gray16Mode::kPillow, "pillow"}}
};
inline constexpr EnumNames<ResizeFilter, 6> kFilterNames{
    {{ResizeFilter::kNearest, "nearest"},
     {ResizeFilter::kBox, "box"},
     {ResizeFilter::kBilinear, "bilinear"},
     {ResizeFilter::kHamming, "hamming"},
     {ResizeFilter::kBicubic, "bicubic"},
     {ResizeFilter::kLanczos, "lanczos"}}
};
inline constexpr EnumNames<ChannelOrder, 2> kChannelOrderNames{
    {{ChannelOrder::kRgb, "RGB"}, {ChannelOrder::kBgr, "BGR"}}
};
inline constexpr EnumNames<Layout, 2> kLayoutNames{
    {{Layout::kNchw, "NCHW"}, {Layout::kNhwc, "NHWC"}}
};
inline constexpr EnumNames<DataType, 2> kDtypeNames{
    {{DataType::kFloat32, "float32"}, {DataType::kUint8, "uint8"}}
};
inline constexpr EnumNames<ValueRange, 2> kValueRangeNames{
    {{ValueRange::kZeroToOne, "0..1"}, {ValueRange::kZeroTo255, "0..255"}}
};
inline constexpr EnumNames<Rescale, 2> kRescaleNames{
    {{Rescale::kDivide, "divide"}, {Rescale::kMultiply, "multiply"}}
};

template <typename E, size_t N>
constexpr std::string_view name_of(const EnumNames<E, N>& names, E value) {
  for (const auto& [candidate, text] : names) {
    if (candidate == value) return text;
  }
  return {};
}

template <typename E, size_t N>
std::optional<E> value_of(const EnumNames<E, N>& names, std::string_view text) {
  for (const auto& [value, candidate] : names) {
    if (candidate == text) return value;
  }
  return std::nullopt;
}

/// `one of "a", "b"`, for error messages.
template <typename E, size_t N>
std::string choices(const EnumNames<E, N>& names) {
  std::string text = "one of ";
  for (size_t i = 0; i < N; ++i) {
    if (i > 0) text += ", ";
    text += '"';
    text += names[i].second;
    text += '"';
  }
  return text;
}

}  // namespace beralih
