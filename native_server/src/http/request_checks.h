// What several handlers ask of a request before they work on it.
#pragma once

#include <optional>
#include <string>

#include "engine/request_options.h"
#include "http/exchange.h"

namespace beralih {

/// The Content-Type in lower case without its parameters; empty if there is none.
std::string media_type(const httplib::Request& request);

/// 412 where the Beralih-Contract header names another preprocessing than `ours`.
std::optional<Problem> refuse_contract(const httplib::Request& request,
                                       const VerifiedContract& ours);

/// X-Request-Deadline-Ms and X-Beralih-Priority; cancelled once the client is gone. Call it on the
/// thread that answers the request. Errors: kInvalidArgument.
Result<RequestOptions> request_options(const httplib::Request& request);

/// A body that is empty or encoded; `wanted` names what belongs there.
std::optional<Problem> refuse_body(const Exchange& exchange, const std::string& wanted);

}  // namespace beralih
