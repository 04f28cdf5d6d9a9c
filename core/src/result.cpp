#include "beralih/result.h"

namespace beralih {

std::string_view error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid_argument";
    case ErrorCode::kUnsupportedFormat: return "unsupported_format";
    case ErrorCode::kCorruptImage: return "corrupt_image";
    case ErrorCode::kImageTooLarge: return "image_too_large";
    case ErrorCode::kInvalidContract: return "invalid_contract";
    case ErrorCode::kInvalidBundle: return "invalid_bundle";
    case ErrorCode::kContractMismatch: return "contract_mismatch";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kOverloaded: return "overloaded";
    case ErrorCode::kDeadlineExceeded: return "deadline_exceeded";
    case ErrorCode::kCancelled: return "cancelled";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kOutOfMemory: return "out_of_memory";
    case ErrorCode::kDeviceLost: return "device_lost";
    case ErrorCode::kInternal: return "internal";
  }
  return "internal";
}

}  // namespace beralih
