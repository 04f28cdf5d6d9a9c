// Whether an answer is the one that a golden case promises.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "beralih/contract.h"
#include "beralih/prediction.h"

namespace beralih {

struct GoldenOutcome {
  bool tensor_equal = false;
  double max_difference = 0;  ///< of the probabilities that the case names
  std::string problem;        ///< empty: reproduced
};

/// What the contract allows on a device that computes in `dtype` ("fp32", "bf16", "fp16").
double allowed_difference(const Tolerance& tolerance, std::string_view dtype);

/// `all` holds every class, most probable first.
GoldenOutcome compare_golden(const GoldenCase& golden, std::string_view tensor_sha256,
                             std::span<const Prediction> all, double tolerance);

}  // namespace beralih
