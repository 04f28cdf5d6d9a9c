// TorchScript programs of a bundle: loading one, attaching its weights, and packing it for speed.
// Includes torch: for the engine module's own files.
#pragma once

#include <torch/script.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <span>
#include <string>

#include "beralih/result.h"
#include "bundle/bundle.h"
#include "engine/inference_engine.h"

namespace beralih {

/// The one line of libtorch's message that says what happened.
std::string short_message(const std::exception& exception);

/// Every parameter and buffer.
void for_each_tensor(const torch::jit::Module& program,
                     const std::function<void(const std::string&, const at::Tensor&)>& visit);

/// Errors: kInvalidBundle; throws what libtorch throws.
Result<torch::jit::Module> read_program(std::span<const uint8_t> archive, const std::string& path);

/// The program with every tensor of the weights file attached to the parameter or buffer of its
/// name, without copying: the tensors keep the mapping. Without a weights file the program brings
/// its own. Errors: kInvalidBundle; throws what libtorch throws.
Result<torch::jit::Module> load_program(const Bundle& bundle, const BundleFile& architecture,
                                        const BundleFile* weights, LoadRecord& record);

/// How convolutions are computed.
enum class Filtering {
  kDirect,
  kWinograd,  ///< where engine/winograd.h has a form of them; the others directly
};

struct PackedProgram {
  torch::jit::Module module;
  size_t winograd_convolutions = 0;
};

/// A frozen copy of `program` for inputs in channels-last order: the weights of its convolutions
/// are reordered once for oneDNN, in `type` (kFloat or kBFloat16; with kWinograd kFloat), with a
/// following ReLU fused in. Convolutions compute in `type`, linear layers in float32. `input` is an
/// example, batch of 1. Throws what libtorch throws, and where there is nothing to reorder; nothing
/// is known about the result before it was compared.
PackedProgram pack_program(const torch::jit::Module& program, at::ScalarType type,
                           Filtering filtering, const at::Tensor& input);

}  // namespace beralih
