// What runs the network, seen from the rest of the server: tensors in, logits out. Core types only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "beralih/result.h"
#include "beralih/tensor.h"
#include "engine/device_statistics.h"

namespace beralih {

/// What loading did and what it took, in milliseconds.
struct LoadRecord {
  int64_t tensors = 0;
  int64_t parameters = 0;
  int64_t weight_bytes = 0;
  double architecture_ms = 0;  ///< reading the program
  double attach_ms = 0;        ///< checking the weights and attaching them
  double warm_up_ms = 0;
  double forward_ms = 0;  ///< one warm run of a batch of 1; 0: not measured
  double context_ms = 0;  ///< opening the device; on the CPU 0
  double upload_ms = 0;   ///< the weights' way to the device; on the CPU 0
};

/// A way to run the network that was tried at start.
struct EngineCandidate {
  std::string name;       ///< "mapped fp32", "packed bf16"
  double forward_ms = 0;  ///< one warm run of a batch of 1
  bool chosen = false;
  std::string refusal;  ///< why it may not be used; empty if it may
};

struct EngineMetadata {
  std::string device;   ///< "cpu", "cuda:0"
  std::string dtype;    ///< what it computes in: "fp32", "bf16"
  std::string library;  ///< name and version
  int threads = 0;
  /// "mapped": weights shared with their file; "packed": copied in the processor's order;
  /// "winograd": copied and transformed for Winograd's convolutions; "device"; "null".
  std::string variant = "mapped";
  /// false: there is no network, so what comes out says nothing about the input.
  bool predicts = true;
  std::vector<EngineCandidate> candidates;  ///< in the order tried
  LoadRecord load;
  /// It takes uint8 pixels [1, H, W, 3] in the contract's channel order where the contract says
  /// float32, and normalises them itself by the core's table.
  bool takes_pixels = false;
  std::optional<DeviceFacts> device_facts;              ///< of an accelerator
  std::shared_ptr<DeviceStatistics> device_statistics;  ///< of an accelerator, else nullptr
};

using LogitRows = std::vector<std::vector<float>>;

/// Not thread-safe: one thread creates, uses and destroys it (the scheduler's).
class InferenceEngine {
 public:
  virtual ~InferenceEngine() = default;

  virtual const EngineMetadata& metadata() const = 0;

  /// One row of logits per tensor; all tensors have the same shape with a leading dimension of 1.
  /// Errors: kOutOfMemory (a smaller batch may succeed), kDeviceLost (nothing will succeed any
  /// more in this process), kInternal.
  virtual Result<LogitRows> infer(std::span<const Tensor> batch) = 0;

  /// How many batches may be under way at once. With 1, infer() alone is called.
  virtual size_t depth() const { return 1; }

  /// Begins a batch of `rows` rows, of which the first are `batch`, and does not wait for it; the
  /// tensors are not needed any more afterwards. Errors: those of infer().
  virtual Status begin(std::span<const Tensor> batch, size_t rows);

  /// Waits for the batch that was begun first among those not finished: its logits, without the
  /// rows that nobody gave. Errors: those of infer().
  virtual Result<LogitRows> finish();
};

/// Called once, on the thread that will own the engine.
using EngineFactory = std::function<Result<std::unique_ptr<InferenceEngine>>()>;

}  // namespace beralih
