// The network's tensors as the files of a bundle state them.
#pragma once

#include <string>
#include <vector>

#include "beralih/result.h"
#include "bundle/bundle.h"
#include "engine/engine_module.h"

namespace beralih {

/// From the header of weights.safetensors, or from the whole TorchScript file (which loads the
/// engine). Errors: kInvalidBundle, kIo.
Result<std::vector<TensorDescription>> list_layers(const Bundle& bundle);

int64_t parameter_count(const TensorDescription& tensor);

}  // namespace beralih
