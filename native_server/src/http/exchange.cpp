#include "http/exchange.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "http/incoming.h"
#include "http/path_pattern.h"
#include "http/routes.h"
#include "http/wire.h"

namespace beralih {
namespace {

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
  incoming_request().kept = bytes;
  incoming_request().kept_owner = representation.owner;
  response.set_content_provider(
      part.length, content_type,
      [bytes, owner = representation.owner](size_t at, size_t length, httplib::DataSink& sink) {
        const auto* data = reinterpret_cast<const char*>(bytes.data());
        return sink.write(data + at, length);
      });
}

}  // namespace beralih
