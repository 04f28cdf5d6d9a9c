// Which device the network runs on, as a person names it.
#pragma once

#include <string>
#include <string_view>

#include "beralih/result.h"

namespace beralih {

enum class DeviceKind {
  kCpu,
  kCuda,
  kAuto,     ///< CUDA where the engine was built with it and a card is there, else the CPU
  kStandIn,  ///< the code of kCuda with the CPU's kernels: what can be tested without a card
};

struct DeviceChoice {
  DeviceKind kind = DeviceKind::kCpu;
  int index = 0;  ///< of the card, for kCuda
};

/// "cpu", "cuda", "cuda:1", "auto", "cuda-on-cpu". Errors: kInvalidArgument.
Result<DeviceChoice> parse_device(std::string_view text);

}  // namespace beralih
