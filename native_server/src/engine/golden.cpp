#include "engine/golden.h"

#include <algorithm>
#include <cmath>

namespace beralih {

double golden_tolerance(const Contract& contract, const std::string& dtype) {
  return dtype == "bf16" ? contract.tolerance.bf16 : contract.tolerance.fp32;
}

Status compare_golden(const GoldenCase& golden, std::span<const double> probabilities,
                      double tolerance) {
  const auto differs = [](const std::string& what) {
    return Error{ErrorCode::kInvalidBundle, what};
  };
  for (const GoldenProbability& expected : golden.top5) {
    const auto index = static_cast<size_t>(expected.index);
    if (expected.index < 0 || index >= probabilities.size())
      return differs("the network has no class " + std::to_string(expected.index));
    // Written so that a NaN fails.
    if (!(std::abs(probabilities[index] - expected.probability) <= tolerance)) {
      return differs("class " + std::to_string(expected.index) + " has the probability " +
                     std::to_string(probabilities[index]) + ", the contract says " +
                     std::to_string(expected.probability) + " within " + std::to_string(tolerance));
    }
  }
  // Two classes closer than twice the tolerance may change places.
  const bool clear_winner =
      golden.top5.size() < 2 ||
      golden.top5[0].probability - golden.top5[1].probability >= 2 * tolerance;
  const auto winner = std::max_element(probabilities.begin(), probabilities.end());
  if (clear_winner && !golden.top5.empty() &&
      winner - probabilities.begin() != golden.top5.front().index) {
    return differs("the most probable class is " + std::to_string(winner - probabilities.begin()) +
                   ", the contract says " + std::to_string(golden.top5.front().index));
  }
  return Ok{};
}

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
