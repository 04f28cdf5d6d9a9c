// The engine as a module beside the executable, loaded when a network is needed: linking libtorch
// costs a quarter of a second that --version and preprocess do not owe, and OpenMP reads its
// environment when it is loaded, not later.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "beralih/result.h"
#include "bundle/bundle.h"
#include "engine/inference_engine.h"

namespace beralih {

/// Where a processor reads the weights from.
enum class CpuEngine {
  /// The first of kWinograd, kPacked in fp32 and kMapped that reproduces the first golden case, the
  /// others not tried beside it; where the weights are above kLargestPackedBytes, kMapped. The same
  /// choice at every start.
  kAuto,
  kMapped,  ///< the mapped file, shared between processes
  /// Copies in oneDNN's own order, in the quickest form that reproduces the golden cases.
  kPacked,
  kWinograd,  ///< fp32, convolutions of 3x3 filtered by Winograd's algorithm where oneDNN has it
};

/// Larger weights take seconds to copy, and their pages are worth sharing.
inline constexpr int64_t kLargestPackedBytes = int64_t{256} << 20;

struct EngineOptions {
  int threads = 0;  ///< 0: one per hardware thread
  CpuEngine cpu_engine = CpuEngine::kAuto;
  /// What packed forms and devices compute in: "fp32", "bf16", on a device "fp16" too, or "auto":
  /// for kPacked the quicker one, for kAuto fp32, bf16 on a device.
  std::string dtype = "auto";
  std::string device = "cpu";  ///< as parse_device() reads it
  size_t max_batch = 1;        ///< what the scheduler will send at most; devices are tuned for it
  bool deterministic = false;  ///< no choice by measuring: the same bits after every start
};

struct TensorDescription {
  std::string name;
  std::string dtype;  ///< the library's name of it
  std::vector<int64_t> shape;
  int64_t bytes = 0;
};

/// What a module exports under the name `beralih_engine_module`.
struct EngineModule {
  /// Loads the program, attaches the mapped weights without copying them and warms batch size 1.
  /// Errors: kInvalidBundle.
  Result<std::unique_ptr<InferenceEngine>> (*make)(const Bundle& bundle,
                                                   const EngineOptions& options);
  /// Parameters and buffers of a whole TorchScript file. Errors: kInvalidBundle.
  Result<std::vector<TensorDescription>> (*list_tensors)(std::span<const uint8_t> archive,
                                                         const std::string& path);
  /// How many CUDA cards it can use.
  int (*cards)();
};

/// Thread-safe; loads once, further calls return the same. Stays loaded until the process ends.
/// Errors: kIo.
Result<const EngineModule*> load_engine_module();

/// Loads the module if need be and makes an engine.
Result<std::unique_ptr<InferenceEngine>> make_engine(const Bundle& bundle,
                                                     const EngineOptions& options);

}  // namespace beralih
