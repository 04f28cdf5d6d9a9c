// What runs the network, seen from the rest of the server: tensors in, logits out. Core types only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "beralih/result.h"
#include "beralih/tensor.h"

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
  std::string variant = "mapped";  ///< "mapped": weights shared with their file; "packed": copied
  /// false: there is no network, so what comes out says nothing about the input.
  bool predicts = true;
  std::vector<EngineCandidate> candidates;  ///< in the order tried
  LoadRecord load;
};

/// Not thread-safe: one thread creates, uses and destroys it (the scheduler's).
class InferenceEngine {
 public:
  virtual ~InferenceEngine() = default;

  virtual const EngineMetadata& metadata() const = 0;

  /// One row of logits per tensor; all tensors have the same shape with a leading dimension of 1.
  virtual Result<std::vector<std::vector<float>>> infer(std::span<const Tensor> batch) = 0;
};

/// Called once, on the thread that will own the engine.
using EngineFactory = std::function<Result<std::unique_ptr<InferenceEngine>>()>;

}  // namespace beralih
