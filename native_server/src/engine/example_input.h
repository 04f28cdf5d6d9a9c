// An input that fits a contract, for warming and padding.
#pragma once

#include <optional>

#include "beralih/contract.h"
#include "beralih/tensor.h"

namespace beralih {

/// Zeros in the contract's input shape, batch of 1; nothing where a dimension is free, since no
/// size is known then.
std::optional<Tensor> example_input(const Contract& contract);

}  // namespace beralih
