#include "http/exchange.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "http/path_pattern.h"
#include "http/routes.h"
#include "http/wire.h"

namespace beralih {
namespace {

/// Between two pieces httplib sees whether the server is stopping.
constexpr size_t kPieceBytes = 256u << 10;

/// The part that the client asks for; a header that cannot be honoured as one range means all.
bool wants_part(const Exchange& exchange, const std::string& etag) {
  if (exchange.request.method != "GET" || exchange.ranges.size() != 1) return false;
  return !exchange.request.has_header("If-Range") ||
         exchange.request.get_header_value("If-Range") == etag;
}

}  // namespace

void Exchange::fail(const Problem& problem) const { answer_problem(request, response, problem); }

void Exchange::fail_not_ready() const {
  const std::string start =
      request.path.starts_with("/v2") ? "not ready: " : "The server is not ready: ";
  fail(problem_for_status(503, start + state.reason()));
}

void Exchange::report_timings(const StageTimings& timings) const {
  response.set_header("Server-Timing", server_timing(timings));
  for_each_stage(timings, [this](std::string_view stage, double milliseconds) {
    options.metrics->observe_stage(stage, milliseconds);
  });
}

std::string_view Exchange::path_argument(std::string_view name) const {
  const std::string wanted = "{" + std::string(name) + "}";
  std::string_view pattern = route;
  std::string_view path = request.path;
  while (!pattern.empty()) {
    const std::string_view want = next_segment(pattern);
    const std::string_view have = next_segment(path);
    if (want == wanted) return have;
  }
  return {};
}

void Exchange::fail_and_close(const Problem& problem) const {
  fail(problem);
  response.set_header("Connection", "close");
  // httplib closes a connection by itself only at the client's wish, or where a provider fails:
  // this one does when everything is sent.
  const std::string body = std::exchange(response.body, {});
  const std::string content_type = response.get_header_value("Content-Type");
  response.headers.erase("Content-Type");
  response.set_content_provider(body.size(), content_type,
                                [body](size_t at, size_t length, httplib::DataSink& sink) {
                                  sink.write(body.data() + at, length);
                                  return false;
                                });
}

std::optional<Problem> refuse_length(const Exchange& exchange) {
  constexpr size_t kMostDigits = 18;  // fits 64 bits
  constexpr size_t kFarAbove = 16;    // times the limit; less is read, so that the answer arrives
  if (exchange.reader == nullptr || !exchange.request.has_header("Content-Length"))
    return std::nullopt;
  const std::string length = exchange.request.get_header_value("Content-Length");
  const bool number = !length.empty() && length.size() <= kMostDigits &&
                      length.find_first_not_of("0123456789") == std::string::npos;
  if (!number) {
    return problem_for_status(400, "The Content-Length \"" + length.substr(0, kMostDigits + 2) +
                                       "\" is not a length that a body can have");
  }
  if (std::strtoull(length.c_str(), nullptr, 10) / kFarAbove <= exchange.options.max_body_bytes)
    return std::nullopt;
  return problem_for_status(413, "The body is larger than this server's limit of " +
                                     std::to_string(exchange.options.max_body_bytes) +
                                     " bytes; send a smaller image");
}

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

void send_representation(const Exchange& exchange, const Representation& representation,
                         const std::string& content_type) {
  httplib::Response& response = exchange.response;
  response.set_header("ETag", representation.etag);
  response.set_header("Accept-Ranges", "bytes");
  if (matches_etag(exchange.request.get_header_value("If-None-Match"), representation.etag)) {
    response.status = 304;
    return;
  }
  const size_t size = representation.bytes.size();
  ByteRange part{0, size};
  response.status = 200;
  if (wants_part(exchange, representation.etag)) {
    const auto resolved = resolve_range(exchange.ranges.front(), size);
    if (!resolved) {
      response.headers.erase("ETag");
      response.headers.erase("Content-Encoding");
      response.set_header("Content-Range", "bytes */" + std::to_string(size));
      return exchange.fail(problem_for_status(
          416,
          "The file has " + std::to_string(size) + " bytes, none of them in the range asked for"));
    }
    part = *resolved;
    response.status = 206;
    response.set_header("Content-Range", "bytes " + std::to_string(part.offset) + "-" +
                                             std::to_string(part.offset + part.length - 1) + "/" +
                                             std::to_string(size));
  }
  if (part.length == 0) return response.set_content("", content_type);
  // With a provider httplib neither copies the bytes nor compresses them by itself.
  const auto bytes = representation.bytes.subspan(part.offset, part.length);
  response.set_content_provider(
      part.length, content_type,
      [bytes, owner = representation.owner](size_t at, size_t length, httplib::DataSink& sink) {
        const auto* data = reinterpret_cast<const char*>(bytes.data());
        return sink.write(data + at, std::min(length, kPieceBytes));
      });
}

}  // namespace beralih
