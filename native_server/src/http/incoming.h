// The request that a worker of PolledServer answers, beside what httplib knows of it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "http/open_answer.h"
#include "http/problem.h"

namespace beralih {

struct IncomingRequest {
  std::string body;
  std::optional<Problem> refusal;  ///< what the answer must be: the request could not be read
  /// Bytes that outlive the answer: where it consists of them they are sent without a copy.
  std::span<const uint8_t> kept;
  std::shared_ptr<const void> kept_owner;
  /// Whether the client has left. Callable from any thread while the request is being answered.
  std::function<bool()> is_gone;
  /// What follows the answer, written by other threads after the handler has returned; the
  /// connection ends with it.
  std::shared_ptr<OpenAnswer> open_answer;
};

/// The request that this thread answers; an empty one outside of that.
IncomingRequest& incoming_request();

}  // namespace beralih
