#include "http/request_log.h"

#include <chrono>
#include <cstdlib>

#include "http/response_headers.h"
#include "http/wire.h"
#include "telemetry/access_log.h"

namespace beralih {
namespace {

using Clock = std::chrono::steady_clock;

struct RequestContext {
  std::string id;
  std::string problem;  ///< the code of the one that was answered
  Clock::time_point start;
};

thread_local RequestContext context;

/// A request whose first line could not be read never reaches the routing hook.
RequestContext& ensure_context() {
  if (context.id.empty()) context = {make_request_id(), {}, Clock::now()};
  return context;
}

/// What a provider sends is not in the body; its announced length counts, also where the client
/// left early.
size_t response_bytes(const httplib::Request& request, const httplib::Response& response) {
  if (request.method == "HEAD" || response.status == 304) return 0;
  if (!response.body.empty()) return response.body.size();
  return std::strtoull(response.get_header_value("Content-Length").c_str(), nullptr, 10);
}

void log_request(const httplib::Request& request, const httplib::Response& response) {
  const double milliseconds =
      std::chrono::duration<double, std::milli>(Clock::now() - context.start).count();
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
  record.problem = context.problem;
  write_log_line(format_access(record));
}

}  // namespace

const std::string& current_request_id() { return ensure_context().id; }

void note_problem(const std::string& code) { ensure_context().problem = code; }

void add_request_hooks(httplib::Server& server, bool log_requests, const OriginLists& origins) {
  server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response&) {
    context = {accept_request_id(request.get_header_value("X-Request-ID")), {}, Clock::now()};
    return httplib::Server::HandlerResponse::Unhandled;
  });
  server.set_post_routing_handler(
      [origins, policy = content_security_policy(origins)](const httplib::Request& request,
                                                           httplib::Response& response) {
        add_response_headers(request, response, origins, policy);
      });
  server.set_logger(
      [log_requests](const httplib::Request& request, const httplib::Response& response) {
        ensure_context();
        if (log_requests) log_request(request, response);
        context = {};
      });
}

}  // namespace beralih
