#include "http/routes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "http/handlers.h"
#include "http/incoming.h"
#include "http/path_pattern.h"
#include "http/request_log.h"
#include "http/response_headers.h"

namespace beralih {
namespace {

struct Route {
  std::string_view method;  ///< GET answers HEAD as well
  std::string_view path;    ///< see path_pattern.h
  void (*handler)(const Exchange&);
  Access access = Access::kUser;  ///< what it asks of its caller
};

// What is not in the table is asked of the page's files.
// clang-format off
constexpr Route kRoutes[] = {
    {"POST",   "/api/classify",                                  handle_classify},
    {"GET",    "/api/events",                                    handle_events},
    {"GET",    "/api/contract",                                  handle_contract,        Access::kPage},
    {"GET",    "/api/artifacts",                                 handle_artifacts},
    {"GET",    "/api/version",                                   handle_version,         Access::kPage},
    {"GET",    "/openapi.yaml",                                  handle_openapi,         Access::kPage},
    {"POST",   "/api/admin/reload",                              handle_reload,          Access::kAdmin},
    {"GET",    "/api/lab",                                       handle_lab},
    {"POST",   "/api/lab/runs",                                  handle_lab_start},
    {"GET",    "/api/lab/runs/{run}",                            handle_lab_run},
    {"DELETE", "/api/lab/runs/{run}",                            handle_lab_stop},
    {"GET",    "/metrics",                                       handle_metrics,         Access::kMetrics},
    {"GET",    "/bundle/*",                                      handle_bundle,          Access::kPage},
    {"GET",    "/v2",                                            handle_server_metadata},
    {"GET",    "/v2/health/live",                                handle_live,            Access::kHealth},
    {"GET",    "/v2/health/ready",                               handle_ready,           Access::kHealth},
    {"GET",    "/v2/models/{model}",                             handle_model_metadata},
    {"GET",    "/v2/models/{model}/ready",                       handle_model_ready},
    {"POST",   "/v2/models/{model}/infer",                       handle_infer},
    {"GET",    "/v2/models/{model}/versions/{version}",          handle_model_metadata},
    {"GET",    "/v2/models/{model}/versions/{version}/ready",    handle_model_ready},
    {"POST",   "/v2/models/{model}/versions/{version}/infer",    handle_infer},
};
// clang-format on

/// Of two rows with the same address the second would never be reached.
constexpr bool has_repeated_route() {
  for (const Route* one = std::begin(kRoutes); one != std::end(kRoutes); ++one) {
    for (const Route* other = one + 1; other != std::end(kRoutes); ++other) {
      if (one->method == other->method && one->path == other->path) return true;
    }
  }
  return false;
}
static_assert(!has_repeated_route());

/// Otherwise the answer says why not.
bool may(const Exchange& exchange, Access access) {
  const auto refusal = exchange.options.access->refuse(exchange.request, exchange.response, access);
  if (refusal) exchange.fail(*refusal);
  return !refusal;
}

void dispatch(Exchange exchange) {
  const httplib::Request& request = exchange.request;
  if (answer_preflight(request, exchange.response, exchange.options.origins)) return;
  if (const auto& refusal = incoming_request().refusal) return exchange.fail(*refusal);
  const std::string_view method =
      request.method == "HEAD" ? "GET" : std::string_view(request.method);
  std::string allowed;
  for (const Route& route : kRoutes) {
    if (!fits_pattern(request.path, route.path)) continue;
    exchange.route = route.path;
    note_route(route.path);
    if (route.method == method) {
      if (may(exchange, route.access)) route.handler(exchange);
      return;
    }
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method) +
               (route.method == "GET" ? ", HEAD" : "");
  }
  if (allowed.empty()) {
    if (!may(exchange, Access::kPage)) return;
    if (handle_page(exchange)) return note_route("page");
    return handle_unknown(exchange);
  }
  exchange.response.set_header("Allow", allowed);
  exchange.fail(problem_for_status(405, "This address answers " + allowed));
}

/// httplib would cut every answer by the Range header on its own, beyond the end of the content too
/// and without 206: the header is ours alone. The request is httplib's own and not constant there.
httplib::Ranges take_ranges(const httplib::Request& request) {
  return std::exchange(const_cast<httplib::Request&>(request).ranges, {});
}

}  // namespace

void answer_problem(const httplib::Request& request, httplib::Response& response,
                    const Problem& problem) {
  const auto limit = std::find_if(problem.extensions.begin(), problem.extensions.end(),
                                  [](const auto& member) { return member.first == "limit"; });
  note_problem(problem.code, limit == problem.extensions.end() ? problem.code : limit->second);
  response.status = problem.status;
  if (const int seconds = retry_after_seconds(problem); seconds > 0) {
    response.set_header("Retry-After", std::to_string(seconds));
  }
  response.headers.erase("Cache-Control");
  response.set_header("Cache-Control", "no-store");
  if (request.path.starts_with("/v2")) {
    response.set_content(inference_error_json(problem), kJson);
  } else {
    response.set_content(problem_json(problem, current_request_id()),
                         std::string(kProblemContentType));
  }
}

Answerer make_routes(const ServingState& state, const RouteOptions& options) {
  return [&state, options](const httplib::Request& request, httplib::Response& response) {
    dispatch(
        {state, options, {}, request, response, incoming_request().body, take_ranges(request)});
  };
}

}  // namespace beralih
