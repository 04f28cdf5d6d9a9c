// What a request asks for beside its data.
#pragma once

#include <chrono>
#include <optional>

namespace beralih {

struct RequestOptions {
  /// After it nobody waits for the answer any more.
  std::optional<std::chrono::steady_clock::time_point> deadline;
};

}  // namespace beralih
