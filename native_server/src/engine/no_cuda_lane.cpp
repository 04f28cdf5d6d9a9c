// In place of cuda_lane.cpp where libtorch has no CUDA.
#include "engine/device_lane.h"

namespace beralih {

int cuda_device_count() { return 0; }

Result<std::unique_ptr<DeviceLane>> open_cuda_lane(const LaneOptions&) {
  return Error{ErrorCode::kInvalidArgument,
               "--device cuda: this program was built against a libtorch without CUDA; "
               "./run.sh --device cuda builds one against a libtorch that has it, and says what to "
               "install where there is none"};
}

}  // namespace beralih
