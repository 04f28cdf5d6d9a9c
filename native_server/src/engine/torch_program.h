// TorchScript programs of a bundle: loading one, attaching its weights, and packing it for speed.
// Includes torch: for the engine module's own files.
#pragma once

#include <torch/script.h>

#include <exception>
#include <memory>
#include <string>

#include "beralih/result.h"
#include "bundle/bundle.h"
#include "engine/inference_engine.h"

namespace beralih {

/// The one line of libtorch's message that says what happened.
std::string short_message(const std::exception& exception);

/// The program with every tensor of the weights file attached to the parameter or buffer of its
/// name, without copying: the tensors keep the mapping. Errors: kInvalidBundle. Throws what
/// libtorch throws for an archive that it cannot read.
Result<torch::jit::Module> load_program(const Bundle& bundle, LoadRecord& record);

/// A frozen copy of `program` for inputs in channels-last order: the weights of its convolutions
/// are reordered once for oneDNN, in `type` (kFloat or kBFloat16), with a following ReLU fused in.
/// Convolutions compute in `type`, linear layers in float32. `input` is an example, batch of 1.
/// Throws what libtorch throws; nothing is known about the result before it was compared.
torch::jit::Module pack_program(const torch::jit::Module& program, at::ScalarType type,
                                const at::Tensor& input);

}  // namespace beralih
