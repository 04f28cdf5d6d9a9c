// How long work on files tells that it goes on, and learns that nobody wants it any more.
#pragma once

#include <cstdint>
#include <functional>

#include "beralih/result.h"

namespace beralih {

/// Called with the bytes done since the last call, from any thread; false asks the work to stop.
using ByteProgress = std::function<bool(int64_t bytes)>;

/// kUnavailable if the callback asked to stop.
inline Status report_progress(const ByteProgress& progress, int64_t bytes) {
  if (!progress || progress(bytes)) return Ok{};
  return Error{ErrorCode::kUnavailable, "interrupted; nothing was changed"};
}

/// Work in two parts: bytes of files, then golden cases through the network.
struct BundleProgress {
  ByteProgress bytes;
  ByteProgress golden_cases;  ///< called with 0 before the network is loaded, with 1 for each case
};

/// Large enough that calls cost nothing beside hashing, small enough to stop within milliseconds.
inline constexpr int64_t kProgressStep = int64_t{4} << 20;

}  // namespace beralih
