// The HTTP API and the page. One table in routes.cpp.
#pragma once

#include <httplib.h>

#include <functional>

#include "http/exchange.h"
#include "http/problem.h"
#include "http/serving_state.h"

namespace beralih {

/// What answers every request whose body, if it has one, has been read (incoming_request().body).
using Answerer = std::function<void(const httplib::Request&, httplib::Response&)>;

/// `state` must outlive the result.
Answerer make_routes(const ServingState& state, const RouteOptions& options);

/// Fills an answer with a problem, in the form that its path asks for.
void answer_problem(const httplib::Request& request, httplib::Response& response,
                    const Problem& problem);

}  // namespace beralih
