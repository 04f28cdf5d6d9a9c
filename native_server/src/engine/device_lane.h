// The way of batches to a device and back: memory, order and waiting. One implementation drives a
// card (cuda_lane.cpp, the only file that includes CUDA), one stands in for it on the CPU, so that
// what uses a lane can be tested without a card. Includes torch.
//
// Per slot: upload() → compute() → wait(). An upload runs beside the computing of other slots;
// computing runs in the order of the calls. Only wait() waits.
#pragma once

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "beralih/result.h"
#include "engine/device_choice.h"
#include "engine/device_statistics.h"

namespace beralih {

struct BatchTimes {
  double copy_ms = 0;     ///< of the upload, on the device
  double compute_ms = 0;  ///< of everything in compute(), on the device
};

struct DeviceMemory {
  int64_t used_bytes = 0;  ///< of the whole device
  int64_t own_bytes = 0;   ///< what this process's libtorch holds
};

/// Device work that always uses the same memory, to be repeated with one call.
class Recording {
 public:
  virtual ~Recording() = default;
  virtual void replay() = 0;
};

/// Every function throws what libtorch throws, but fault(), which throws nothing.
class DeviceLane {
 public:
  virtual ~DeviceLane() = default;

  virtual at::Device device() const = 0;
  virtual DeviceFacts facts() const = 0;
  virtual DeviceMemory memory() const = 0;

  /// Bytes on the host that the device reads and writes by itself.
  virtual at::Tensor host_memory(int64_t bytes) = 0;

  /// Runs `work` as compute() would, and waits for it.
  virtual void run(const std::function<void()>& work) = 0;
  /// Records what `work` makes the device do. It must have run before.
  virtual std::unique_ptr<Recording> record(const std::function<void()>& work) = 0;

  virtual void upload(size_t slot, const at::Tensor& to, const at::Tensor& from) = 0;
  virtual void compute(size_t slot, const std::function<void()>& work) = 0;
  virtual BatchTimes wait(size_t slot) = 0;

  /// Gives memory that nothing uses back to the device.
  virtual void release_memory() = 0;
  /// What is wrong with the device, in CUDA's words; empty while it answers.
  virtual std::string fault() = 0;
};

struct LaneOptions {
  int index = 0;  ///< of the card
  size_t slots = 2;
  /// The same bits every time, with no choice among algorithms by how quick they are.
  bool deterministic = false;
};

/// How many cards this build and this machine have; 0 where libtorch has no CUDA.
int cuda_device_count();

/// Errors: kInvalidArgument where there is no such card, with what to do.
Result<std::unique_ptr<DeviceLane>> open_cuda_lane(const LaneOptions& options);

std::unique_ptr<DeviceLane> make_stand_in_lane(const LaneOptions& options);

}  // namespace beralih
