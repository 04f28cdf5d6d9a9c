#include "http/exchange.h"

#include <algorithm>

#include "http/routes.h"

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
