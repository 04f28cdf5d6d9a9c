#include "http/problem.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;

struct ErrorRow {
  ErrorCode code;
  int status;
  const char* title;
};

// clang-format off
constexpr ErrorRow kErrors[] = {
    {ErrorCode::kInvalidArgument,   400, "The request makes no sense"},
    {ErrorCode::kUnsupportedFormat, 415, "Not an image that this server reads"},
    {ErrorCode::kCorruptImage,      422, "The image is damaged"},
    {ErrorCode::kImageTooLarge,     413, "The image, or its resized form, is too large"},
    {ErrorCode::kInvalidContract,   500, "The server's contract is invalid"},
    {ErrorCode::kInvalidBundle,     500, "The server's bundle is invalid"},
    {ErrorCode::kContractMismatch,  412, "The client preprocesses under another contract"},
    {ErrorCode::kIo,                500, "The server could not read or write a file"},
    {ErrorCode::kOverloaded,        429, "Too many requests"},
    {ErrorCode::kDeadlineExceeded,  504, "Too late"},
    {ErrorCode::kCancelled,         499, "The client has gone"},
    {ErrorCode::kUnavailable,       503, "Not ready"},
    {ErrorCode::kOutOfMemory,       503, "The accelerator's memory is full"},
    {ErrorCode::kDeviceLost,        503, "The accelerator is lost"},
    {ErrorCode::kInternal,          500, "Internal error"},
};
// clang-format on

struct StatusRow {
  int status;
  const char* code;
  const char* title;
};

// clang-format off
constexpr StatusRow kStatuses[] = {
    {400, "bad_request",            "Bad request"},
    {401, "unauthorized",           "An API key is needed"},
    {403, "forbidden",              "Not permitted"},
    {404, "not_found",              "Not found"},
    {405, "method_not_allowed",     "Method not allowed"},
    {408, "request_timeout",        "The request came too slowly"},
    {413, "content_too_large",      "The request body is too large"},
    {414, "uri_too_long",           "The address is too long"},
    {415, "unsupported_media_type", "Unsupported content type"},
    {416, "range_not_satisfiable",  "No such part of the file"},
    {417, "expectation_failed",     "Expectation failed"},
    {431, "headers_too_large",      "The headers are too large"},
    {500, "internal",               "Internal error"},
    {501, "not_implemented",        "Not implemented"},
    {503, "unavailable",            "Not available"},
    {505, "http_version",           "HTTP version not supported"},
};
// clang-format on

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

Problem problem_for(const Error& error) {
  const auto* row = std::find_if(std::begin(kErrors), std::end(kErrors),
                                 [&](const ErrorRow& r) { return r.code == error.code; });
  if (row == std::end(kErrors)) return problem_for_status(500, error.message);
  Problem problem{
      row->status, std::string(error_code_name(error.code)), row->title, error.message, {}};
  if (error.overload) {
    problem.extensions = {
        {"limit",             error.overload->limit                                         },
        {"predicted_wait_ms", std::to_string(std::lround(error.overload->predicted_wait_ms))}
    };
    problem.retry_after_s = std::max(1, static_cast<int>(std::ceil(error.overload->retry_after_s)));
  }
  return problem;
}

Problem problem_for_status(int status, std::string detail) {
  const auto* row = std::find_if(std::begin(kStatuses), std::end(kStatuses),
                                 [&](const StatusRow& r) { return r.status == status; });
  if (row == std::end(kStatuses))
    return Problem{status, "http_" + std::to_string(status), "Error", std::move(detail), {}};
  return Problem{status, row->code, row->title, std::move(detail), {}};
}

int retry_after_seconds(const Problem& problem) {
  if (problem.retry_after_s > 0) return problem.retry_after_s;
  const bool passing = problem.status == 429 || problem.status == 503 || problem.status == 504;
  return passing ? 1 : 0;
}

std::string problem_json(const Problem& problem, std::string_view request_id) {
  Json json{
      {"type",   "urn:beralih:problem:" + problem.code},
      {"title",  problem.title                        },
      {"status", problem.status                       },
      {"detail", problem.detail                       }
  };
  if (!request_id.empty()) json["request_id"] = request_id;
  for (const auto& [key, value] : problem.extensions) json[key] = value;
  return dump(json);
}

std::string inference_error_json(const Problem& problem) {
  return dump(Json{
      {"error", problem.detail}
  });
}

}  // namespace beralih
