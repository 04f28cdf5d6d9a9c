#include "http/problem.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace beralih;
using Json = nlohmann::ordered_json;

TEST_CASE("every error has its status", "[problem]") {
  const std::pair<ErrorCode, int> expected[] = {
      {ErrorCode::kInvalidArgument,   400},
      {ErrorCode::kUnsupportedFormat, 415},
      {ErrorCode::kCorruptImage,      422},
      {ErrorCode::kImageTooLarge,     413},
      {ErrorCode::kInvalidContract,   500},
      {ErrorCode::kInvalidBundle,     500},
      {ErrorCode::kContractMismatch,  412},
      {ErrorCode::kIo,                500},
      {ErrorCode::kOverloaded,        429},
      {ErrorCode::kUnavailable,       503},
      {ErrorCode::kInternal,          500}
  };
  for (const auto& [code, status] : expected) {
    const Problem problem = problem_for({code, "why"});
    CHECK(problem.status == status);
    CHECK(problem.detail == "why");
    CHECK(problem.code == error_code_name(code));
    CHECK_FALSE(problem.title.empty());
  }
}

TEST_CASE("problem details are RFC 9457 members in a fixed order", "[problem]") {
  Problem problem = problem_for_status(415, "say \"image/jpeg\"");
  problem.extensions = {
      {"extra", "member"}
  };
  const Json json = Json::parse(problem_json(problem, "id"));
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  CHECK(keys ==
        std::vector<std::string>{"type", "title", "status", "detail", "request_id", "extra"});
  CHECK(json["type"] == "urn:beralih:problem:unsupported_media_type");
  CHECK(json["status"] == 415);
  CHECK(json["detail"] == "say \"image/jpeg\"");
}

TEST_CASE("a detail with broken UTF-8 is still JSON", "[problem]") {
  CHECK_NOTHROW(Json::parse(problem_json(problem_for_status(400, "k=\xff\xfe"), "")));
  CHECK_NOTHROW(Json::parse(inference_error_json(problem_for_status(400, "\xc3"))));
}

TEST_CASE("only refusals that pass invite to try again", "[problem]") {
  for (const int status : {429, 503, 504})
    CHECK(retry_after_seconds(problem_for_status(status, "")) == 1);
  for (const int status : {400, 500})
    CHECK(retry_after_seconds(problem_for_status(status, "")) == 0);
}

TEST_CASE("an overload says which limit, how long the wait would be and when to come back",
          "[problem]") {
  const Problem problem = problem_for({
      ErrorCode::kOverloaded, "busy", Overload{"deadline", 2100.4, 1.2}
  });
  CHECK(problem.status == 429);
  CHECK(retry_after_seconds(problem) == 2);
  const Json json = Json::parse(problem_json(problem, ""));
  CHECK(json["limit"] == "deadline");
  CHECK(json["predicted_wait_ms"] == "2100");
  CHECK(problem_for({ErrorCode::kDeadlineExceeded, ""}).status == 504);
}

TEST_CASE("an unlisted status is still a problem", "[problem]") {
  CHECK(problem_for_status(418, "teapot").status == 418);
}
