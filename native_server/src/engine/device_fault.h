// What an error message of CUDA or libtorch means for the process that got it.
#pragma once

#include <string_view>

namespace beralih {

enum class DeviceFault {
  kNone,         ///< not an error of the device: the next batch may succeed
  kOutOfMemory,  ///< smaller batches may succeed
  kSticky,       ///< the context is broken: every further call fails until the process ends
  kLost,         ///< the device itself is gone, or nobody may use it
};

/// By the names and texts that cudaGetErrorName and cudaGetErrorString give, in `message` with
/// whatever libtorch writes around them.
DeviceFault classify_device_fault(std::string_view message);

}  // namespace beralih
