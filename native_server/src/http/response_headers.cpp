#include "http/response_headers.h"

#include "http/request_log.h"

namespace beralih {
namespace {

struct Header {
  const char* name;
  const char* value;
};

// clang-format off
constexpr Header kEveryAnswer[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy",        "no-referrer"},
};

// Isolated from other origins, so that threads and exact clocks are allowed; its workers too, whose
// scripts must carry the second line themselves.
constexpr Header kPage[] = {
    {"Cross-Origin-Opener-Policy",   "same-origin"},
    {"Cross-Origin-Embedder-Policy", "require-corp"},
    {"Permissions-Policy",           "camera=(self)"},
};

constexpr Header kPreflight[] = {
    {"Access-Control-Allow-Methods", "GET, HEAD, POST"},
    {"Access-Control-Allow-Headers", "Authorization, Content-Type, Beralih-Contract, X-Request-ID, X-Beralih-Run, Last-Event-ID, X-Request-Deadline-Ms, X-Beralih-Priority, traceparent, Inference-Header-Content-Length"},
    {"Access-Control-Max-Age",       "7200"},
};

constexpr const char* kExposed = "Server-Timing, Beralih-Contract, X-Request-ID, Retry-After, Inference-Header-Content-Length";
// clang-format on

void set_default_header(httplib::Response& response, const char* name, const std::string& value) {
  if (!response.has_header(name)) response.set_header(name, value);
}

}  // namespace

bool is_api(const std::string& path) {
  return path.starts_with("/api/") || path.starts_with("/v2/") || path == "/v2";
}

bool answer_preflight(const httplib::Request& request, httplib::Response& response,
                      const OriginLists& origins) {
  if (request.method != "OPTIONS" || !is_api(request.path) ||
      !request.has_header("Access-Control-Request-Method") ||
      !may_call(origins, request.get_header_value("Origin"))) {
    return false;
  }
  response.status = 204;
  for (const Header& header : kPreflight) response.set_header(header.name, header.value);
  return true;
}

void add_response_headers(const httplib::Request& request, httplib::Response& response,
                          const OriginLists& origins, const std::string& policy) {
  set_default_header(response, "X-Request-ID", current_request_id());
  set_default_header(response, "Content-Security-Policy", policy);
  for (const Header& header : kEveryAnswer) set_default_header(response, header.name, header.value);

  const bool api = is_api(request.path);
  const std::string origin = request.get_header_value("Origin");
  const bool shared = api && may_call(origins, origin);
  set_default_header(response, "Cross-Origin-Resource-Policy",
                     shared ? "cross-origin" : "same-origin");
  if (shared) {
    response.set_header("Access-Control-Allow-Origin", origin);
    response.set_header("Access-Control-Expose-Headers", kExposed);
    response.set_header("Timing-Allow-Origin", origin);
  }
  // Also for who is not listed, so that no cache gives one the other's answer.
  if (api && !origins.callers.empty()) response.set_header("Vary", "Origin");
  if (!api) {
    for (const Header& header : kPage) set_default_header(response, header.name, header.value);
  }
}

}  // namespace beralih
