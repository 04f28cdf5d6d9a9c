// Whether probabilities are those that the research side computed for a golden case.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "beralih/contract.h"
#include "beralih/result.h"
#include "beralih/tensor.h"

namespace beralih {

/// The contract's tolerance for an engine that computes in `dtype`.
double golden_tolerance(const Contract& contract, const std::string& dtype);

/// Errors: kInvalidBundle, naming the class and both probabilities; a NaN is never equal.
Status compare_golden(const GoldenCase& golden, std::span<const double> probabilities,
                      double tolerance);

/// Zeros in the contract's input shape, batch of 1; nothing where a dimension is free, since no
/// size is known then.
std::optional<Tensor> example_input(const Contract& contract);

}  // namespace beralih
