// Splits what arrives on a connection into requests, strictly: whatever two parsers could
// understand differently is refused. No sockets, no httplib.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace beralih {

struct ReaderLimits {
  size_t max_body_bytes = 0;
  size_t max_target_bytes = 8000;
  size_t max_head_bytes = 32u << 10;
  size_t max_header_lines = 100;
};

/// One request, whole. `head` ends with its empty line and holds what httplib may read.
struct ReceivedRequest {
  std::string head;
  std::string body;    ///< without its framing
  bool close = false;  ///< the client asks for it, or `status` makes it necessary
  /// 0: fine. Otherwise what to answer: the rest of the connection means nothing any more.
  int status = 0;
  std::string detail;
  bool head_is_valid = false;  ///< with a `status`: whether `head` can be read all the same
};

class RequestReader {
 public:
  explicit RequestReader(ReaderLimits limits) : limits_(limits) {}

  /// Takes as much as belongs to the current request; returns how much. `complete()` afterwards
  /// says whether it is whole; then take() it before more is fed.
  size_t feed(std::string_view bytes);
  bool complete() const { return phase_ == Phase::kComplete; }
  /// Some of a request is here, but not all.
  bool begun() const { return phase_ != Phase::kHead || !request_.head.empty(); }
  /// The client waits for "100 Continue" before it sends the body. True once per request.
  bool take_expectation();
  /// Begins the next request.
  ReceivedRequest take();
  /// Of the current request's body, what is here.
  size_t body_bytes() const { return request_.body.size(); }

 private:
  enum class Phase { kHead, kBody, kChunkSize, kChunkData, kChunkEnd, kTrailer, kComplete };

  size_t feed_head(std::string_view bytes);
  size_t feed_body(std::string_view bytes);
  size_t feed_line(std::string_view bytes);
  void read_head();
  bool read_request_line(std::string_view line);
  bool read_header(std::string_view line);
  bool decide_framing();
  void read_chunk_size();
  void fail(int status, std::string detail);

  ReaderLimits limits_;
  Phase phase_ = Phase::kHead;
  ReceivedRequest request_;
  std::string line_;        ///< of the chunked framing, while it is incomplete
  uint64_t remaining_ = 0;  ///< of the body, or of the chunk
  size_t trailer_bytes_ = 0;
  bool http_1_0_ = false;
  bool keep_alive_ = false;
  bool chunked_ = false;
  bool expects_continue_ = false;
  int hosts_ = 0;
  int lengths_ = 0;
  int codings_ = 0;
  std::string length_;
};

}  // namespace beralih
