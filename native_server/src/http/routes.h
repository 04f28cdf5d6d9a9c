// The HTTP API and the page. One table in routes.cpp.
#pragma once

#include <httplib.h>

#include "http/exchange.h"
#include "http/problem.h"
#include "http/serving_state.h"

namespace beralih {

/// `state` must outlive the server.
void add_routes(httplib::Server& server, const ServingState& state, const RouteOptions& options);

/// Fills an answer with a problem, in the form that its path asks for.
void answer_problem(const httplib::Request& request, httplib::Response& response,
                    const Problem& problem);

}  // namespace beralih
