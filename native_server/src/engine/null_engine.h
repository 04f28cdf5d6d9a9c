// An engine without a network: zeros for every class, at once. It measures the server around a
// network, and says "null" wherever an engine is named.
#pragma once

#include <memory>

#include "beralih/result.h"
#include "bundle/bundle.h"
#include "engine/inference_engine.h"

namespace beralih {

inline constexpr const char* kNullDevice = "null";

/// Needs no weights, no program and no library. Errors: kInvalidBundle if the contract's output
/// leaves the number of classes free.
Result<std::unique_ptr<InferenceEngine>> make_null_engine(const Bundle& bundle);

}  // namespace beralih
