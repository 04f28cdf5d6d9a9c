#include "engine/device_fault.h"

#include <algorithm>
#include <array>

namespace beralih {
namespace {

struct Phrase {
  std::string_view text;
  DeviceFault fault;
};

// The runtime's texts (CUDA 12.4 and 13.0, driver_types.h); "sticky" are those of which it says
// that "the process must be terminated and relaunched".
constexpr std::array kPhrases{
    Phrase{"out of memory",                                          DeviceFault::kOutOfMemory},
    Phrase{"CUBLAS_STATUS_ALLOC_FAILED",                             DeviceFault::kOutOfMemory},
    Phrase{"CUDNN_STATUS_ALLOC_FAILED",                              DeviceFault::kOutOfMemory},
    Phrase{"GPU is lost",                                            DeviceFault::kLost       },
    Phrase{"no CUDA-capable device",                                 DeviceFault::kLost       },
    Phrase{"CUDA-capable device(s) is/are busy",                     DeviceFault::kLost       },
    Phrase{"device is removed",                                      DeviceFault::kLost       },
    Phrase{"No CUDA GPUs are available",                             DeviceFault::kLost       },
    Phrase{"driver shutting down",                                   DeviceFault::kLost       },
    Phrase{"illegal memory access",                                  DeviceFault::kSticky     },
    Phrase{"an illegal instruction was encountered",                 DeviceFault::kSticky     },
    Phrase{"misaligned address",                                     DeviceFault::kSticky     },
    Phrase{"operation not supported on global/shared address space", DeviceFault::kSticky     },
    Phrase{"invalid program counter",                                DeviceFault::kSticky     },
    Phrase{"unspecified launch failure",                             DeviceFault::kSticky     },
    Phrase{"hardware stack error",                                   DeviceFault::kSticky     },
    Phrase{"device-side assert",                                     DeviceFault::kSticky     },
    Phrase{"launch timed out",                                       DeviceFault::kSticky     },
    Phrase{"uncorrectable ECC error",                                DeviceFault::kSticky     },
    Phrase{"uncorrectable NVLink error",                             DeviceFault::kSticky     },
    Phrase{"context is destroyed",                                   DeviceFault::kSticky     },
    Phrase{"Memory page fault",                                      DeviceFault::kSticky     },
    Phrase{"tensor memory",                                          DeviceFault::kSticky     },
};

}  // namespace

DeviceFault classify_device_fault(std::string_view message) {
  const auto* const found = std::find_if(kPhrases.begin(), kPhrases.end(), [&](const Phrase& each) {
    return message.find(each.text) != std::string_view::npos;
  });
  return found == kPhrases.end() ? DeviceFault::kNone : found->fault;
}

}  // namespace beralih
