// What a request asks for beside its data.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "scheduling/request.h"

namespace beralih {

struct RequestOptions {
  /// After it nobody waits for the answer any more. Without one the server's default applies.
  std::optional<std::chrono::steady_clock::time_point> deadline;
  Priority priority = Priority::kInteractive;
  /// True once the client is gone: the work is dropped before it reaches the network. May be empty;
  /// RequestTerms::cancelled says how it is called.
  std::function<bool()> cancelled;
  std::shared_ptr<RequestObserver> observer;  ///< nullptr: nobody listens
};

}  // namespace beralih
