// A TorchScript program made for a device: its weights there in the type that it computes in. Knows
// no CUDA: the same code runs on libtorch's CPU kernels. Includes torch.
#pragma once

#include <torch/csrc/jit/runtime/interpreter.h>
#include <torch/script.h>

#include <cstdint>
#include <memory>

#include "beralih/preprocess_spec.h"

namespace beralih {

struct ProgramForm {
  at::ScalarType type = at::kFloat;  ///< of weights and activations; the last linear layer: float32
  bool channels_last = false;        ///< order of images and of convolutions' weights
  bool fused = false;                ///< cuDNN's convolutions with ReLU and addition in them
};

class DeviceProgram {
 public:
  /// Copies every weight of `program` (on the CPU, where it may be a mapped file) to the device.
  /// Throws what libtorch throws.
  DeviceProgram(const torch::jit::Module& program, at::Device device, const ProgramForm& form);

  /// `input` as the contract says, on the device. Returns float32 logits there.
  at::Tensor run(const at::Tensor& input) const;

  int64_t weight_bytes() const { return weight_bytes_; }
  /// Nodes whose work cuDNN does together, for a form that asked for it.
  size_t fused_nodes() const { return fused_nodes_; }

 private:
  ProgramForm form_;
  c10::IValue self_;  ///< the program's own object, which the graph takes and does not use
  std::unique_ptr<torch::jit::Code> code_;
  int64_t weight_bytes_ = 0;
  size_t fused_nodes_ = 0;
};

/// The core's normalisation on a device: each byte's float is looked up, so the result equals the
/// core's bit for bit.
class PixelTable {
 public:
  PixelTable(const PreprocessSpec& spec, at::Device device);

  /// Whether every byte of every channel comes out as the core normalises it, on that device.
  static bool equals_core(const PreprocessSpec& spec, at::Device device);

  /// `pixels`: uint8 [N, H, W, 3], in the channel order of the spec. Returns float32 [N, H, W, 3].
  at::Tensor look_up(const at::Tensor& pixels) const;

 private:
  at::Tensor table_;    ///< 768 floats, channel after channel
  at::Tensor offsets_;  ///< where each channel begins: 0, 256, 512
};

}  // namespace beralih
