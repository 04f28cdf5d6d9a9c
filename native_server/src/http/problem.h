// Errors as they leave the server: RFC 9457 problem details under /api, {"error": …} under /v2.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "beralih/result.h"

namespace beralih {

struct Problem {
  int status = 500;
  std::string code;    ///< becomes the type "urn:beralih:problem:CODE"
  std::string title;   ///< the same for every occurrence
  std::string detail;  ///< this occurrence, and what to do
  std::vector<std::pair<std::string, std::string>> extensions;  ///< further members
  int retry_after_s = 0;  ///< where known better than by the status
};

inline constexpr std::string_view kProblemContentType = "application/problem+json";

/// The one place where an error becomes a status code.
Problem problem_for(const Error& error);

/// A problem of HTTP itself, by status: 400, 401, 403, 404, 405, 412, 413, 414, 415, 416, 500, 503,
/// others.
Problem problem_for_status(int status, std::string detail);

/// Whole seconds after which trying again makes sense; 0 where it does not.
int retry_after_seconds(const Problem& problem);

std::string problem_json(const Problem& problem, std::string_view request_id);

/// The Open Inference Protocol's error body.
std::string inference_error_json(const Problem& problem);

}  // namespace beralih
