#include "engine/device_choice.h"

#include <charconv>

namespace beralih {

Result<DeviceChoice> parse_device(std::string_view text) {
  if (text == "cpu") return DeviceChoice{DeviceKind::kCpu, 0};
  if (text == "auto") return DeviceChoice{DeviceKind::kAuto, 0};
  if (text == "cuda") return DeviceChoice{DeviceKind::kCuda, 0};
  if (text == "cuda-on-cpu") return DeviceChoice{DeviceKind::kStandIn, 0};
  constexpr std::string_view kPrefix = "cuda:";
  constexpr int kMostCards = 127;  // what libtorch's index holds
  if (text.starts_with(kPrefix)) {
    const std::string_view digits = text.substr(kPrefix.size());
    int index = -1;
    const auto [end, failure] =
        std::from_chars(digits.data(), digits.data() + digits.size(), index);
    const bool whole = failure == std::errc() && end == digits.data() + digits.size();
    if (whole && index >= 0 && index <= kMostCards) return DeviceChoice{DeviceKind::kCuda, index};
  }
  return Error{ErrorCode::kInvalidArgument, "there is no device \"" + std::string(text) +
                                                "\"; devices are cpu, cuda, cuda:N and auto"};
}

}  // namespace beralih
