#include "http/request_log.h"

#include <chrono>

#include "http/wire.h"
#include "telemetry/access_log.h"

namespace beralih {
namespace {

using Clock = std::chrono::steady_clock;

struct RequestContext {
  std::string id;
  Clock::time_point start;
};

thread_local RequestContext context;

/// A request whose first line could not be read never reaches the routing hook.
RequestContext& ensure_context() {
  if (context.id.empty()) context = {make_request_id(), Clock::now()};
  return context;
}

// Nothing from elsewhere, and nobody may frame the page. --web pages run WebAssembly.
constexpr char kContentSecurityPolicy[] =
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' "
    "blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

void set_default_header(httplib::Response& response, const char* name, const std::string& value) {
  if (!response.has_header(name)) response.set_header(name, value);
}

void add_common_headers(httplib::Response& response) {
  set_default_header(response, "X-Request-ID", ensure_context().id);
  set_default_header(response, "X-Content-Type-Options", "nosniff");
  set_default_header(response, "Referrer-Policy", "no-referrer");
  set_default_header(response, "Cross-Origin-Resource-Policy", "same-origin");
  set_default_header(response, "Content-Security-Policy", kContentSecurityPolicy);
}

void log_request(const httplib::Request& request, const httplib::Response& response) {
  const double milliseconds =
      std::chrono::duration<double, std::milli>(Clock::now() - context.start).count();
  const std::string length = request.get_header_value("Content-Length");
  AccessRecord record;
  record.method = request.method;
  record.path = request.path;
  record.status = response.status;
  record.milliseconds = milliseconds;
  record.request_bytes =
      length.empty() ? request.body.size() : std::strtoull(length.c_str(), nullptr, 10);
  record.response_bytes = response.body.size();
  record.request_id = context.id;
  write_log_line(format_access(record));
}

}  // namespace

const std::string& current_request_id() { return ensure_context().id; }

void add_request_hooks(httplib::Server& server, bool log_requests) {
  server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response&) {
    context = {accept_request_id(request.get_header_value("X-Request-ID")), Clock::now()};
    return httplib::Server::HandlerResponse::Unhandled;
  });
  server.set_post_routing_handler(
      [](const httplib::Request&, httplib::Response& response) { add_common_headers(response); });
  server.set_logger(
      [log_requests](const httplib::Request& request, const httplib::Response& response) {
        ensure_context();
        if (log_requests) log_request(request, response);
        context.id.clear();
      });
}

}  // namespace beralih
