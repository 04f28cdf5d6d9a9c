// The golden cases as a test of one way to run the network, before any of them is chosen.
#pragma once

#include <string>
#include <vector>

#include "beralih/tensor.h"
#include "bundle/bundle.h"
#include "engine/inference_engine.h"

namespace beralih {

/// The golden cases' tensors, in the contract's order. Errors: kInvalidBundle, and those of
/// preprocess().
Result<std::vector<Tensor>> golden_tensors(const Bundle& bundle);

/// Whether `engine`, which computes in `dtype`, reproduces every golden case from its tensor.
/// Errors: kInvalidBundle, and those of infer().
Status reproduces_golden(InferenceEngine& engine, const Contract& contract,
                         const std::vector<Tensor>& tensors, const std::string& dtype);

}  // namespace beralih
