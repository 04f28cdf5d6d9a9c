#include "http/server.h"

#include <httplib.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "http/access_control.h"
#include "http/listener.h"
#include "http/polled_server.h"
#include "http/request_log.h"
#include "http/routes.h"
#include "http/tls.h"
#include "lab/lab.h"

namespace beralih {
namespace {

constexpr size_t kKeepAliveRequests = 100'000;
// A model that takes longer: then callers are told that, rather than kept waiting.
constexpr std::chrono::seconds kMostHeld{30};
constexpr size_t kOtherDescriptors = 512;  ///< beside those of accepted connections

std::string describe_status(int status) {
  return status == 404 ? "Nothing is at this address" : "The request could not be read";
}

/// As many descriptors as allowed; returns how many.
size_t raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

RunEventLimits event_limits(const HttpOptions& options) {
  RunEventLimits limits;
  limits.subscribers = options.max_subscribers;
  limits.runs = std::max(limits.runs, options.max_subscribers + options.connection_threads);
  return limits;
}

}  // namespace

struct HttpServer::Impl {
  explicit Impl(HttpOptions chosen) : options(std::move(chosen)), events(event_limits(options)) {}

  HttpOptions options;
  ServerMetrics metrics;
  RunEvents events;
  RequestHookOptions hooks;
  PolledServer server;
};

HttpServer::HttpServer(HttpOptions options, const ServingState& state)
    : impl_(std::make_unique<Impl>(std::move(options))) {
  PolledServer& server = impl_->server;
  const HttpOptions& chosen = impl_->options;
  server.set_keep_alive_timeout(chosen.idle_timeout.count());
  server.set_keep_alive_max_count(kKeepAliveRequests);

  const Answerer answer =
      make_routes(state, {chosen.max_body_bytes, chosen.site ? chosen.site : StaticSite::embedded(),
                          chosen.origins, &impl_->metrics, [&server] { return server.counts(); },
                          &impl_->events,
                          chosen.access ? chosen.access : std::make_shared<const AccessControl>(),
                          chosen.reload, chosen.reread, chosen.lab});
  impl_->hooks = {chosen.log_requests, chosen.log_health, chosen.log_format,
                  chosen.origins,      &impl_->metrics,   answer};
  add_request_hooks(server, impl_->hooks);
  // It also runs on our own 4xx and 5xx answers: those have their body already.
  server.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
    if (response.body.empty() && !response.content_provider_) {
      answer_problem(request, response,
                     problem_for_status(response.status, describe_status(response.status)));
    }
  });
  server.set_exception_handler([](const httplib::Request& request, httplib::Response& response,
                                  std::exception_ptr) {
    answer_problem(
        request, response,
        problem_for_status(500, "The server failed on this request; its log names the request id"));
  });
}

HttpServer::~HttpServer() { stop(); }

Status HttpServer::start() {
  const HttpOptions& options = impl_->options;
  const auto handed_over = inherited_listener();
  if (!handed_over) return handed_over.error();
  inherited_ = handed_over->has_value();
  const auto listener =
      inherited_ ? Result<Listener>(**handed_over) : listen_on(options.host, options.port);
  if (!listener) return listener.error();
  url_ = (options.tls ? "https://" : "http://") + listener->host + ":" +
         std::to_string(listener->port);
  if (options.lab) {
    ServerAddress own;
    own.host = listener->host.substr(listener->host.starts_with('[') ? 1 : 0);
    if (own.host.ends_with(']')) own.host.pop_back();
    own.port = listener->port;
    own.tls = options.tls != nullptr;
    own.verify = false;  // the certificate is this server's own, perhaps for another name
    options.lab->set_own_address(std::move(own));
  }

  PollOptions polling;
  polling.workers = options.connection_threads;
  const size_t descriptors = raise_descriptor_limit();
  polling.max_connections =
      std::min(options.max_connections, descriptors - std::min(descriptors - 1, kOtherDescriptors));
  polling.max_buffered_bytes = options.max_buffered_bytes;
  polling.limits.max_body_bytes = options.max_body_bytes;
  polling.request_timeout = options.request_timeout;
  polling.idle_timeout = options.idle_timeout;
  polling.drain_timeout = options.drain_timeout;
  polling.refuse = [hooks = impl_->hooks](int status, const std::string& detail) {
    return refuse_unread(hooks, status, detail);
  };
  polling.tick = [events = &impl_->events] { events->tick(); };
  polling.socket_is_shared = inherited_;
  if (inherited_) polling.hold = kMostHeld;
  return impl_->server.serve(
      listener->socket, std::move(polling),
      options.tls ? make_tls_transports(options.tls) : make_plain_transports());
}

void HttpServer::begin_accepting() { impl_->server.begin_accepting(); }

void HttpServer::begin_drain() { impl_->server.end_connections(); }

void HttpServer::stop() {
  impl_->events.close();
  impl_->server.stop_serving();
}

}  // namespace beralih
