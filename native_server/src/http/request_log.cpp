#include "http/request_log.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iterator>

#include "http/response_headers.h"
#include "http/routes.h"
#include "http/wire.h"

namespace beralih {
namespace {

using Clock = std::chrono::steady_clock;

struct RequestContext {
  std::string id;
  std::string trace_id;
  std::string problem;  ///< the code of the one that was answered
  std::string reason;   ///< why, if it was shed
  std::string_view route = "none";
  Clock::time_point start;
  std::string key = {};  ///< the name of the caller's API key
};

thread_local RequestContext context;

/// A request whose first line could not be read never reaches the routing hook.
RequestContext& ensure_context() {
  if (context.id.empty()) context = {make_request_id(), {}, {}, {}, "none", Clock::now()};
  return context;
}

/// What a provider sends is not in the body; its announced length counts, also where the client
/// left early.
size_t response_bytes(const httplib::Request& request, const httplib::Response& response) {
  if (request.method == "HEAD" || response.status == 304) return 0;
  if (!response.body.empty()) return response.body.size();
  return std::strtoull(response.get_header_value("Content-Length").c_str(), nullptr, 10);
}

void log_request(const httplib::Request& request, const httplib::Response& response,
                 double milliseconds, LogFormat format) {
  const std::string length = request.get_header_value("Content-Length");
  AccessRecord record;
  record.time = std::chrono::system_clock::now();
  record.method = request.method;
  record.path = request.path;
  record.status = response.status;
  record.milliseconds = milliseconds;
  record.request_bytes =
      length.empty() ? request.body.size() : std::strtoull(length.c_str(), nullptr, 10);
  record.response_bytes = response_bytes(request, response);
  record.request_id = context.id;
  record.trace_id = context.trace_id;
  record.problem = context.problem;
  record.key = context.key;
  write_log_line(format_access(record, format));
}

bool has_handlers(std::string_view method) {
  constexpr std::string_view kMethods[] = {"GET", "POST",  "HEAD",  "OPTIONS",
                                           "PUT", "PATCH", "DELETE"};
  return std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
}

/// What load balancers, orchestrators and Prometheus ask all day long, with nothing to tell.
bool is_uneventful_probe(int status) {
  constexpr std::string_view kProbes[] = {"/v2/health/live", "/v2/health/ready", "/metrics"};
  return status == 200 &&
         std::find(std::begin(kProbes), std::end(kProbes), context.route) != std::end(kProbes);
}

bool is_shed(int status) { return status == 429 || status == 503 || status == 504; }

void count_request(ServerMetrics& metrics, const httplib::Request& request,
                   const httplib::Response& response, double milliseconds) {
  metrics.count_request(context.route, request.method, response.status, milliseconds / 1000);
  if (is_shed(response.status)) metrics.count_shed(context.reason);
}

void finish_request(const RequestHookOptions& options, const httplib::Request& request,
                    const httplib::Response& response) {
  ensure_context();
  const double milliseconds =
      std::chrono::duration<double, std::milli>(Clock::now() - context.start).count();
  count_request(*options.metrics, request, response, milliseconds);
  if (options.log_requests && (options.log_health || !is_uneventful_probe(response.status)))
    log_request(request, response, milliseconds, options.log_format);
  context = {};
}

}  // namespace

const std::string& current_request_id() { return ensure_context().id; }

void note_problem(const std::string& code, const std::string& reason) {
  ensure_context().problem = code;
  context.reason = reason;
}

NotedProblem current_problem() { return {ensure_context().problem, context.reason}; }

void note_key(const std::string& name) { ensure_context().key = name; }

void note_route(std::string_view pattern) { ensure_context().route = pattern; }

void add_request_hooks(httplib::Server& server, const RequestHookOptions& options) {
  server.set_pre_routing_handler(
      [answer = options.answer](const httplib::Request& request, httplib::Response& response) {
        context = {accept_request_id(request.get_header_value("X-Request-ID")),
                   {},
                   {},
                   {},
                   "none",
                   Clock::now()};
        const std::string parent = request.get_header_value("traceparent");
        context.trace_id = trace_id_of(parent);
        if (!context.trace_id.empty()) response.set_header("traceparent", parent);
        if (!has_handlers(request.method)) return httplib::Server::HandlerResponse::Unhandled;
        answer(request, response);
        return httplib::Server::HandlerResponse::Handled;
      });
  server.set_post_routing_handler(
      [origins = options.origins, policy = content_security_policy(options.origins)](
          const httplib::Request& request, httplib::Response& response) {
        add_response_headers(request, response, origins, policy);
      });
  server.set_logger([options](const httplib::Request& request, const httplib::Response& response) {
    finish_request(options, request, response);
  });
}

std::string refuse_unread(const RequestHookOptions& options, int status,
                          const std::string& detail) {
  httplib::Request request;
  httplib::Response response;
  const Problem problem = problem_for_status(status, detail);
  answer_problem(request, response, problem);
  add_response_headers(request, response, options.origins,
                       content_security_policy(options.origins));
  response.set_header("Connection", "close");
  response.set_header("Content-Length", std::to_string(response.body.size()));
  std::string bytes = "HTTP/1.1 " + std::to_string(status) + " " + problem.title + "\r\n";
  for (const auto& [name, value] : response.headers) bytes += name + ": " + value + "\r\n";
  bytes += "\r\n" + response.body;
  finish_request(options, request, response);
  return bytes;
}

}  // namespace beralih
