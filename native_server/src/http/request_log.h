// What accompanies every request: its id, its start, the headers on every answer, the access log.
#pragma once

#include <httplib.h>

#include <functional>
#include <string>
#include <string_view>

#include "http/origin.h"
#include "telemetry/access_log.h"
#include "telemetry/server_metrics.h"

namespace beralih {

struct RequestHookOptions {
  bool log_requests = true;
  bool log_health = false;  ///< also probes and scrapes that were answered with 200
  LogFormat log_format = LogFormat::kText;
  OriginLists origins;
  ServerMetrics* metrics = nullptr;  ///< must outlive the server
  /// Answers every request whose method httplib knows handlers for. It stands in a hook because
  /// httplib's own table would match a regular expression for each request and read bodies itself.
  std::function<void(const httplib::Request&, httplib::Response&)> answer = {};
};

/// Installs the hooks. httplib handles a request from its header to its answer on one thread.
void add_request_hooks(httplib::Server& server, const RequestHookOptions& options);

/// The bytes of an answer to what could not be read as a request; logged and counted like one.
std::string refuse_unread(const RequestHookOptions& options, int status, const std::string& detail);

/// The id of the request that this thread handles.
const std::string& current_request_id();

struct NotedProblem {
  const std::string& code;  ///< empty: none
  const std::string& reason;
};

/// What note_problem() was last told for this thread's request.
NotedProblem current_problem();

/// Names the route of this thread's request, for the metrics. Static storage.
void note_route(std::string_view pattern);

/// Names the API key of this thread's request, for its line in the log.
void note_key(const std::string& name);

/// Names the problem that this thread's request was answered with, for its line in the log.
/// `reason` is what the metrics call it where it is a refusal for lack of capacity.
void note_problem(const std::string& code, const std::string& reason);

}  // namespace beralih
