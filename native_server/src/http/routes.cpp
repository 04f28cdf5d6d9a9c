#include "http/routes.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

#include "http/embedded_page.h"
#include "http/request_log.h"
#include "http/wire.h"

namespace beralih {
namespace {

constexpr const char* kJson = "application/json";

struct Exchange {
  const ServingState& state;
  const RouteOptions& options;
  const httplib::Request& request;
  httplib::Response& response;
  const httplib::ContentReader* reader;  ///< nullptr for methods without a body

  void fail(const Problem& problem) const { answer_problem(request, response, problem); }
};

struct Body {
  std::string bytes;
  bool too_large = false;
  bool broken = false;  ///< it ended early, or its framing is wrong
};

/// Reads the request's body to its end, whatever becomes of it: what is left unread would be taken
/// for the next request of the connection. `keep` false, or bytes above the limit, are dropped at
/// once.
Body read_body(const Exchange& exchange, bool keep) {
  Body body;
  const httplib::Request& request = exchange.request;
  const bool announced =
      request.has_header("Content-Length") || request.has_header("Transfer-Encoding");
  if (exchange.reader == nullptr || !announced) return body;

  size_t received = 0;
  const auto receive = [&](const char* data, size_t size) {
    received += size;
    body.too_large = received > exchange.options.max_body_bytes;
    if (keep && !body.too_large) body.bytes.append(data, size);
    return true;
  };
  const bool complete =
      request.is_multipart_form_data()
          ? (*exchange.reader)([](const httplib::MultipartFormData&) { return true; }, receive)
          : (*exchange.reader)(receive);
  if (!complete) {
    // httplib itself refuses a Content-Length above its limit, after dropping the body.
    body.too_large = body.too_large || exchange.response.status == 413;
    body.broken = !body.too_large;
  }
  if (body.too_large) body.bytes = {};
  return body;
}

std::string media_type(const httplib::Request& request) {
  std::string type = request.get_header_value("Content-Type");
  type = type.substr(0, type.find(';'));
  while (!type.empty() && std::isspace(static_cast<unsigned char>(type.back()))) type.pop_back();
  std::transform(type.begin(), type.end(), type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return type;
}

/// The image itself is recognised by its bytes; the type only has to say that the body is one.
std::optional<Problem> refuse_content_type(const httplib::Request& request) {
  const std::string type = media_type(request);
  if (type.empty() || type.starts_with("image/") || type == "application/octet-stream")
    return std::nullopt;
  std::string detail =
      "The body must be the image's bytes with a Content-Type of image/jpeg, image/png or "
      "application/octet-stream, not " +
      type.substr(0, 80);
  if (type == "application/x-www-form-urlencoded") {
    detail += ", which curl --data-binary sends by itself: add -H 'Content-Type: image/jpeg'";
  } else if (type == "multipart/form-data") {
    detail += ": send the file as the body, with curl --data-binary @FILE instead of -F";
  }
  return problem_for_status(415, detail);
}

std::optional<Problem> refuse_contract(const httplib::Request& request,
                                       const VerifiedContract& ours) {
  if (!request.has_header("Beralih-Contract")) return std::nullopt;
  const std::string theirs = request.get_header_value("Beralih-Contract");
  if (theirs == ours.preprocessing_hash) return std::nullopt;
  Problem problem = problem_for(
      {ErrorCode::kContractMismatch,
       "The Beralih-Contract header names another preprocessing than this server's; compare "
       "server_preprocessing with your own text to find the first field that differs"});
  problem.extensions = {
      {"server_preprocessing_hash", ours.preprocessing_hash},
      {"client_preprocessing_hash", theirs.substr(0,         128)},
      {"server_preprocessing",                           ours.preprocessing_text                            }
  };
  return problem;
}

void classify(const Exchange& exchange) {
  const std::shared_ptr<Classifier> classifier = exchange.state.classifier();
  size_t k = kDefaultTopK;
  std::optional<Problem> refusal;
  if (classifier == nullptr) {
    refusal = problem_for_status(503, "The server is not ready: " + exchange.state.reason());
  } else {
    const VerifiedContract& identity = classifier->bundle().identity;
    exchange.response.set_header("Beralih-Contract", identity.preprocessing_hash);
    refusal = refuse_content_type(exchange.request);
    if (!refusal) refusal = refuse_contract(exchange.request, identity);
    const size_t classes = classifier->bundle().labels.size();
    k = std::min(k, classes);
    if (!refusal && exchange.request.has_param("k")) {
      const auto parsed = parse_top_k(exchange.request.get_param_value("k"), classes);
      if (parsed) {
        k = *parsed;
      } else {
        refusal = problem_for(parsed.error());
      }
    }
  }

  const Body body = read_body(exchange, !refusal);
  if (!refusal && body.too_large) {
    refusal = problem_for_status(413, "The body is larger than this server's limit of " +
                                          std::to_string(exchange.options.max_body_bytes) +
                                          " bytes; send a smaller image");
  } else if (!refusal && body.broken) {
    refusal = problem_for_status(400, "The body ended early or is not framed as its headers say");
  } else if (!refusal && body.bytes.empty()) {
    refusal = problem_for_status(400, "The body is empty; send the image's bytes as the body");
  }
  if (refusal) return exchange.fail(*refusal);

  const auto* data = reinterpret_cast<const uint8_t*>(body.bytes.data());
  const auto answer = classifier->classify({data, body.bytes.size()}, k);
  if (!answer) return exchange.fail(problem_for(answer.error()));
  exchange.response.status = 200;
  exchange.response.set_header("Cache-Control", "no-store");
  exchange.response.set_header("Server-Timing", server_timing(answer->timings));
  exchange.response.set_content(classification_json(*answer, *classifier, current_request_id()),
                                kJson);
}

void contract(const Exchange& exchange) {
  const std::shared_ptr<Classifier> classifier = exchange.state.classifier();
  if (classifier == nullptr) {
    return exchange.fail(
        problem_for_status(503, "The server is not ready: " + exchange.state.reason()));
  }
  const VerifiedContract& identity = classifier->bundle().identity;
  const std::string etag = "\"" + identity.contract_hash + "\"";
  exchange.response.set_header("ETag", etag);
  exchange.response.set_header("Cache-Control", "no-cache");
  exchange.response.set_header("Beralih-Contract", identity.preprocessing_hash);
  if (exchange.request.get_header_value("If-None-Match") == etag) {
    exchange.response.status = 304;
    return;
  }
  exchange.response.status = 200;
  exchange.response.set_content(identity.json, kJson);
}

void live(const Exchange& exchange) {
  exchange.response.status = 200;
  exchange.response.set_content("{\"live\":true}\n", kJson);
}

void ready(const Exchange& exchange) {
  if (exchange.state.classifier() == nullptr) {
    return exchange.fail(problem_for_status(503, "not ready: " + exchange.state.reason()));
  }
  exchange.response.status = 200;
  exchange.response.set_content("{\"ready\":true}\n", kJson);
}

template <const std::string_view& kContent>
void embedded(const Exchange& exchange, const char* type) {
  exchange.response.status = 200;
  exchange.response.set_header("Cache-Control", "no-cache");
  exchange.response.set_content(kContent.data(), kContent.size(), type);
}

void page_html(const Exchange& exchange) {
  embedded<kPageHtml>(exchange, "text/html; charset=utf-8");
}
void page_css(const Exchange& exchange) { embedded<kPageCss>(exchange, "text/css; charset=utf-8"); }
void page_js(const Exchange& exchange) {
  embedded<kPageJs>(exchange, "text/javascript; charset=utf-8");
}

struct Route {
  std::string_view method;  ///< GET answers HEAD as well
  std::string_view path;
  void (*handler)(const Exchange&);
  bool of_page = false;
};

// clang-format off
constexpr Route kRoutes[] = {
    {"POST", "/api/classify",    classify},
    {"GET",  "/api/contract",    contract},
    {"GET",  "/v2/health/live",  live},
    {"GET",  "/v2/health/ready", ready},
    {"GET",  "/",                page_html, true},
    {"GET",  "/page.css",        page_css,  true},
    {"GET",  "/page.js",         page_js,   true},
};
// clang-format on

void dispatch(const Exchange& exchange) {
  const std::string_view method =
      exchange.request.method == "HEAD" ? "GET" : std::string_view(exchange.request.method);
  std::string allowed;
  for (const Route& route : kRoutes) {
    if (route.path != exchange.request.path || (route.of_page && !exchange.options.embedded_page))
      continue;
    if (route.method == method) return route.handler(exchange);
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method) +
               (route.method == "GET" ? ", HEAD" : "");
  }
  read_body(exchange, /*keep=*/false);
  if (!allowed.empty()) {
    exchange.response.set_header("Allow", allowed);
    return exchange.fail(problem_for_status(405, "This address answers " + allowed));
  }
  exchange.fail(
      problem_for_status(404, "Nothing is at this address; images go to POST /api/classify"));
}

}  // namespace

void answer_problem(const httplib::Request& request, httplib::Response& response,
                    const Problem& problem) {
  response.status = problem.status;
  if (const int seconds = retry_after_seconds(problem.status); seconds > 0) {
    response.set_header("Retry-After", std::to_string(seconds));
  }
  response.set_header("Cache-Control", "no-store");
  if (request.path.starts_with("/v2")) {
    response.set_content(inference_error_json(problem), kJson);
  } else {
    response.set_content(problem_json(problem, current_request_id()),
                         std::string(kProblemContentType));
  }
}

void add_routes(httplib::Server& server, const ServingState& state, const RouteOptions& options) {
  const auto without_body = [&state, options](const httplib::Request& request,
                                              httplib::Response& response) {
    dispatch({state, options, request, response, nullptr});
  };
  const auto with_body = [&state, options](const httplib::Request& request,
                                           httplib::Response& response,
                                           const httplib::ContentReader& reader) {
    dispatch({state, options, request, response, &reader});
  };
  // Every path comes here: httplib's own body reading has no limit for chunked bodies and a limit
  // of 8 KB for what curl calls a form, so handlers read bodies themselves.
  const char* const any = "[\\s\\S]*";
  server.Get(any, without_body);
  server.Options(any, without_body);
  server.Post(any, with_body);
  server.Put(any, with_body);
  server.Patch(any, with_body);
  server.Delete(any, with_body);
}

}  // namespace beralih
