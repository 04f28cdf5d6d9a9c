#include "http/request_checks.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>

#include "http/incoming.h"

namespace beralih {

std::string media_type(const httplib::Request& request) {
  std::string type = request.get_header_value("Content-Type");
  type = type.substr(0, type.find(';'));
  while (!type.empty() && std::isspace(static_cast<unsigned char>(type.back()))) type.pop_back();
  std::transform(type.begin(), type.end(), type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return type;
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
  // clang-format off
  problem.extensions = {
      {"server_preprocessing_hash", ours.preprocessing_hash},
      {"client_preprocessing_hash", theirs.substr(0, 128)},
      {"server_preprocessing",      ours.preprocessing_text},
  };
  // clang-format on
  return problem;
}

Result<RequestOptions> request_options(const httplib::Request& request) {
  constexpr long long kMostMs = 24LL * 60 * 60 * 1000;
  constexpr size_t kMostEchoed = 40;
  RequestOptions options;
  options.cancelled = incoming_request().is_gone;
  if (request.has_header("X-Request-Deadline-Ms")) {
    const std::string text = request.get_header_value("X-Request-Deadline-Ms");
    long long milliseconds = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), milliseconds);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || milliseconds < 1 ||
        milliseconds > kMostMs) {
      return Error{ErrorCode::kInvalidArgument,
                   "The header X-Request-Deadline-Ms wants whole milliseconds from 1 to " +
                       std::to_string(kMostMs) + ", not \"" + text.substr(0, kMostEchoed) + "\""};
    }
    options.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  }
  if (request.has_header("X-Beralih-Priority")) {
    const std::string text = request.get_header_value("X-Beralih-Priority");
    if (text == "bulk") {
      options.priority = Priority::kBulk;
    } else if (text != "interactive") {
      return Error{ErrorCode::kInvalidArgument,
                   "The header X-Beralih-Priority is \"interactive\" or \"bulk\", not \"" +
                       text.substr(0, kMostEchoed) + "\""};
    }
  }
  return options;
}

std::optional<Problem> refuse_body(const Exchange& exchange, const std::string& wanted) {
  const std::string coding = exchange.request.get_header_value("Content-Encoding");
  if (!coding.empty() && coding != "identity") {
    exchange.response.set_header("Accept-Encoding", "identity");
    return problem_for_status(
        415, "The body is encoded as " + coding.substr(0, 40) + "; send it as it is");
  }
  if (exchange.body.empty())
    return problem_for_status(400, "The body is empty; send " + wanted + " as the body");
  return std::nullopt;
}

}  // namespace beralih
