// The golden cases as a test of one way to run the network, before any of them is chosen.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "beralih/tensor.h"
#include "bundle/bundle.h"
#include "engine/inference_engine.h"

namespace beralih {

/// The tensors of the golden cases, or of the first `at_most`, in the contract's order. Errors:
/// kInvalidBundle, and those of preprocess().
Result<std::vector<Tensor>> golden_tensors(const Bundle& bundle,
                                           size_t at_most = std::numeric_limits<size_t>::max());

/// Whether `engine`, which computes in `dtype`, reproduces every golden case from its tensor.
/// Errors: kInvalidBundle, and those of infer().
Status reproduces_golden(InferenceEngine& engine, const Contract& contract,
                         const std::vector<Tensor>& tensors, const std::string& dtype);

}  // namespace beralih
