// Chooses how a program runs on a device. Includes torch.
#pragma once

#include <torch/script.h>

#include <memory>

#include "beralih/tensor.h"
#include "bundle/bundle.h"
#include "engine/device_choice.h"
#include "engine/engine_module.h"
#include "engine/inference_engine.h"

namespace beralih {

/// Tries the forms that `options` allow on the device and returns the quickest that reproduces
/// every golden case; what was tried stands in its metadata, which begins as `metadata`. Errors:
/// kInvalidBundle, kInvalidArgument (no such device), kOutOfMemory, kDeviceLost; throws what
/// libtorch throws.
Result<std::unique_ptr<InferenceEngine>> make_device_engine(
    const torch::jit::Module& program, const Bundle& bundle, const Tensor& example,
    const DeviceChoice& device, const EngineOptions& options, EngineMetadata metadata);

}  // namespace beralih
