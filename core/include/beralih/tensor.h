// The tensor that a network receives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace beralih {

enum class DataType { kFloat32, kUint8 };

/// Open Inference Protocol name: "FP32", "UINT8".
std::string_view datatype_name(DataType type);

/// Dense, row-major, owns its memory. One image has a leading batch dimension of 1:
/// [1, 3, H, W] (NCHW) or [1, H, W, 3] (NHWC).
struct Tensor {
  std::vector<int64_t> shape;  ///< extents, outermost first
  std::variant<std::vector<float>, std::vector<uint8_t>> data;

  DataType dtype() const { return data.index() == 0 ? DataType::kFloat32 : DataType::kUint8; }

  /// The elements' bytes as they lie in memory (little-endian on every supported target);
  /// valid while the tensor lives and is not changed.
  std::span<const uint8_t> bytes() const {
    if (const auto* f = std::get_if<std::vector<float>>(&data)) {
      return {reinterpret_cast<const uint8_t*>(f->data()), f->size() * sizeof(float)};
    }
    return std::get<std::vector<uint8_t>>(data);
  }
};

}  // namespace beralih
