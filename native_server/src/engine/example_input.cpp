#include "engine/example_input.h"

namespace beralih {

std::optional<Tensor> example_input(const Contract& contract) {
  Tensor input;
  input.shape = contract.input.shape;
  if (input.shape.empty()) return std::nullopt;
  input.shape.front() = 1;
  size_t elements = 1;
  for (const int64_t extent : input.shape) {
    if (extent < 1) return std::nullopt;
    elements *= static_cast<size_t>(extent);
  }
  if (contract.preprocessing.dtype == DataType::kFloat32) {
    input.data = std::vector<float>(elements);
  } else {
    input.data = std::vector<uint8_t>(elements);
  }
  return input;
}

}  // namespace beralih
