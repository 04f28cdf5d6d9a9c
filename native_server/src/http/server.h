// The HTTP server's life: bind, listen, stop. httplib stays behind it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "beralih/result.h"
#include "engine/model_host.h"
#include "http/origin.h"
#include "http/serving_state.h"
#include "http/static_site.h"
#include "telemetry/access_log.h"

namespace beralih {

class AccessControl;
class Lab;
class TlsIdentity;

struct HttpOptions {
  std::string host = "127.0.0.1";
  int port = 8080;  ///< 0: any free one
  size_t max_body_bytes = 20u << 20;
  size_t max_buffered_bytes = 1u << 30;      ///< of all bodies that are not whole yet
  size_t connection_threads = 64;            ///< requests that may be answered at once
  size_t max_connections = 4096;             ///< more get 503
  size_t max_subscribers = 256;              ///< of /api/events; more get 503
  std::chrono::seconds request_timeout{60};  ///< from its first byte to its last
  std::chrono::seconds idle_timeout{60};     ///< between two requests
  std::chrono::seconds drain_timeout{30};    ///< at the end, for what has been accepted
  std::shared_ptr<const StaticSite> site;    ///< nullptr: the page that is compiled in
  OriginLists origins;
  std::shared_ptr<Lab> lab;                     ///< nullptr: lab mode is off
  std::shared_ptr<const AccessControl> access;  ///< nullptr: without API keys
  std::shared_ptr<const TlsIdentity> tls;       ///< nullptr: plain HTTP
  /// What POST /api/admin/reload does; empty: the address does not exist.
  std::function<Result<ReloadReport>()> reload;
  /// What it does before: reads API keys and certificate anew. Errors: any; the old ones stay. May
  /// be empty.
  std::function<Status()> reread;
  bool log_requests = true;
  bool log_health = false;  ///< also probes and scrapes that were answered with 200
  LogFormat log_format = LogFormat::kText;
};

class HttpServer {
 public:
  /// `state` must outlive the server.
  HttpServer(HttpOptions options, const ServingState& state);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Listens, on the socket that a service manager has handed over or else on one of its own, and
  /// serves on threads of its own. On an inherited socket connections wait in the kernel until
  /// begin_accepting(), for a few seconds: they were not refused while the server before was
  /// running, and are not now. Errors: kIo, kInvalidArgument, one sentence for the terminal.
  Status start();

  /// The server is ready: whoever waits is answered.
  void begin_accepting();

  /// The end is near: every answer is its connection's last. Call it before stop(), by the time
  /// that clients may need.
  void begin_drain();

  /// Stops accepting, answers what has been accepted, joins. Idempotent.
  void stop();

  /// "http://127.0.0.1:8080"; valid after start().
  const std::string& url() const { return url_; }

  /// Whether the socket was handed over; valid after start().
  bool inherited() const { return inherited_; }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::string url_;
  bool inherited_ = false;
};

}  // namespace beralih
