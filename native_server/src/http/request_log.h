// What accompanies every request: its id, its start, the headers on every answer, the access log.
#pragma once

#include <httplib.h>

#include <string>

#include "http/origin.h"

namespace beralih {

/// Installs the hooks. httplib handles a request from its header to its answer on one thread.
void add_request_hooks(httplib::Server& server, bool log_requests, const OriginLists& origins);

/// The id of the request that this thread handles.
const std::string& current_request_id();

/// Names the problem that this thread's request was answered with, for its line in the log.
void note_problem(const std::string& code);

}  // namespace beralih
