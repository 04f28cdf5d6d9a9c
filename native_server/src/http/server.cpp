#include "http/server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "http/request_log.h"
#include "http/routes.h"

namespace beralih {
namespace {

constexpr time_t kReadTimeoutSeconds = 10;
constexpr time_t kWriteTimeoutSeconds = 10;
constexpr time_t kKeepAliveSeconds = 5;
constexpr size_t kKeepAliveRequests = 100'000;

std::string describe_status(int status) {
  switch (status) {
    case 404: return "Nothing is at this address";
    case 413: return "The body is larger than this server accepts";
    case 414: return "The address is longer than this server accepts";
    default: return "The request could not be read";
  }
}

std::string describe_bind_error(const HttpOptions& options, int code) {
  const std::string where = options.host + " port " + std::to_string(options.port);
  switch (code) {
    case EADDRINUSE:
      return "cannot listen on " + where +
             ": the port is taken; stop the other program or choose another with --port";
    case EACCES:
      return "cannot listen on " + where + ": not permitted; choose a port above 1023 with --port";
    case 0:
      return "cannot listen on " + where +
             ": the host name does not resolve; choose another with --host";
    default: return "cannot listen on " + where + ": " + std::strerror(code);
  }
}

}  // namespace

struct HttpServer::Impl {
  HttpOptions options;
  ServerMetrics metrics;
  httplib::Server server;
  std::thread thread;
};

HttpServer::HttpServer(HttpOptions options, const ServingState& state)
    : impl_(std::make_unique<Impl>()) {
  impl_->options = std::move(options);
  httplib::Server& server = impl_->server;
  const HttpOptions& chosen = impl_->options;

  server.new_task_queue = [threads = chosen.connection_threads] {
    return new httplib::ThreadPool(threads);
  };
  server.set_tcp_nodelay(true);  // otherwise small answers wait 40 ms for an acknowledgement
  server.set_payload_max_length(chosen.max_body_bytes);
  server.set_read_timeout(kReadTimeoutSeconds);
  server.set_write_timeout(kWriteTimeoutSeconds);
  server.set_keep_alive_timeout(kKeepAliveSeconds);
  server.set_keep_alive_max_count(kKeepAliveRequests);
  // httplib's default is SO_REUSEPORT: a second server would share the port without a word.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });

  add_request_hooks(server,
                    {chosen.log_requests, chosen.log_format, chosen.origins, &impl_->metrics});
  add_routes(server, state,
             {chosen.max_body_bytes, chosen.site ? chosen.site : StaticSite::embedded(),
              chosen.origins, &impl_->metrics});
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
  httplib::Server& server = impl_->server;
  HttpOptions& options = impl_->options;
  errno = 0;
  if (options.port == 0) {
    const int port = server.bind_to_any_port(options.host);
    if (port <= 0) return Error{ErrorCode::kIo, describe_bind_error(options, errno)};
    options.port = port;
  } else if (!server.bind_to_port(options.host, options.port)) {
    return Error{ErrorCode::kIo, describe_bind_error(options, errno)};
  }
  const bool ipv6 = options.host.find(':') != std::string::npos;
  url_ = "http://" + (ipv6 ? "[" + options.host + "]" : options.host) + ":" +
         std::to_string(options.port);

  impl_->thread = std::thread([&server] { server.listen_after_bind(); });
  // stop() does nothing before the accept loop runs: wait for it.
  while (!server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return Ok{};
}

void HttpServer::stop() {
  if (!impl_->thread.joinable()) return;
  impl_->server.stop();
  impl_->thread.join();
}

}  // namespace beralih
