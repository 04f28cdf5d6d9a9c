#include "http/request_reader.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <utility>

#include "http/header_text.h"

namespace beralih {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr size_t kMaxChunkLine = 256;
constexpr size_t kMaxTrailerBytes = 4096;

/// RFC 9110, 5.6.2: what a method and a header's name consist of.
bool is_token(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           kOthers.find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  });
}

bool is_target(std::string_view text) {
  const bool visible = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
  });
  return visible && (text.starts_with('/') || text == "*");
}

bool lists(std::string_view value, std::string_view wanted) {
  const std::string list = "," + lower(value) + ",";
  for (size_t at = 0; at + 1 < list.size();) {
    const size_t end = list.find(',', at + 1);
    if (trim(std::string_view(list).substr(at + 1, end - at - 1)) == wanted) return true;
    at = end;
  }
  return false;
}

}  // namespace

size_t RequestReader::feed(std::string_view bytes) {
  size_t used = 0;
  while (used < bytes.size() && phase_ != Phase::kComplete) {
    const std::string_view rest = bytes.substr(used);
    switch (phase_) {
      case Phase::kHead: used += feed_head(rest); break;
      case Phase::kBody:
      case Phase::kChunkData: used += feed_body(rest); break;
      default: used += feed_line(rest); break;
    }
  }
  return used;
}

size_t RequestReader::feed_head(std::string_view bytes) {
  std::string& head = request_.head;
  size_t skipped = 0;
  if (head.empty()) {  // empty lines before a request are a habit of old clients
    skipped = std::min(bytes.find_first_not_of("\r\n"), bytes.size());
    bytes.remove_prefix(skipped);
  }
  const size_t before = head.size();
  const size_t from = before < kHeadEnd.size() ? 0 : before - (kHeadEnd.size() - 1);
  head.append(bytes.substr(0, limits_.max_head_bytes + kHeadEnd.size() - before));
  for (size_t at = head.find('\n', before); at != std::string::npos; at = head.find('\n', at + 1)) {
    if (at > 0 && head[at - 1] == '\r') {
      if (head.compare(at - std::min<size_t>(at, 3), 4, kHeadEnd) == 0) break;
      continue;
    }
    fail(400, "A header line ends without a carriage return");
    return skipped + head.size() - before;
  }
  const size_t end = head.find(kHeadEnd, from);
  if (end == std::string::npos) {
    const size_t used = head.size() - before;
    const size_t line = head.find("\r\n");
    if (line == std::string::npos && head.size() > limits_.max_target_bytes + 32) {
      fail(414, "The address is longer than this server accepts");
    } else if (head.size() >= limits_.max_head_bytes) {
      fail(431, "The headers are longer than this server's limit of " +
                    std::to_string(limits_.max_head_bytes) + " bytes");
    }
    return skipped + used;
  }
  head.resize(end + kHeadEnd.size());
  const size_t used = head.size() - before;
  read_head();
  return skipped + used;
}

void RequestReader::read_head() {
  std::string_view rest = request_.head;
  rest.remove_suffix(2);  // the empty line
  size_t lines = 0;
  while (!rest.empty()) {
    const size_t end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    if (lines++ == 0) {
      if (!read_request_line(line)) return;
    } else if (lines > limits_.max_header_lines + 1) {
      return fail(
          431, "There are more than " + std::to_string(limits_.max_header_lines) + " header lines");
    } else if (!read_header(line)) {
      return;
    }
  }
  request_.head_is_valid = true;
  if (!decide_framing()) return;
  if (chunked_) {
    phase_ = Phase::kChunkSize;
  } else {
    // An announced body grows at once, but nobody gets memory for an announcement alone.
    constexpr uint64_t kAtOnce = 1u << 20;
    request_.body.reserve(static_cast<size_t>(std::min(remaining_, kAtOnce)));
    phase_ = remaining_ > 0 ? Phase::kBody : Phase::kComplete;
  }
}

bool RequestReader::read_request_line(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last || !is_token(line.substr(0, first))) {
    fail(400, "The first line is not METHOD ADDRESS HTTP/1.1");
    return false;
  }
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (target.size() > limits_.max_target_bytes) {
    fail(414, "The address is longer than this server accepts");
    return false;
  }
  if (!is_target(target)) {
    fail(400, "The address must begin with a slash and hold no blanks or control characters");
    return false;
  }
  http_1_0_ = version == "HTTP/1.0";
  if (!http_1_0_ && version != "HTTP/1.1") {
    if (version.starts_with("HTTP/") && version.size() == 8) {
      fail(505, "This server speaks HTTP/1.1");
    } else {
      fail(400, "The first line is not METHOD ADDRESS HTTP/1.1");
    }
    return false;
  }
  return true;
}

bool RequestReader::read_header(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) ||
      !is_field_value(line.substr(colon + 1))) {
    fail(400, "A header line is not NAME: VALUE, is folded, or holds control characters");
    return false;
  }
  const std::string name = lower(line.substr(0, colon));
  const std::string_view value = trim(line.substr(colon + 1));
  if (name == "host") {
    ++hosts_;
  } else if (name == "content-length") {
    ++lengths_;
    length_ = value;
  } else if (name == "transfer-encoding") {
    ++codings_;
    chunked_ = lower(value) == "chunked";
  } else if (name == "connection") {
    request_.close = request_.close || lists(value, "close");
    keep_alive_ = keep_alive_ || lists(value, "keep-alive");
  } else if (name == "expect") {
    expects_continue_ = lower(value) == "100-continue";
    if (!expects_continue_) fail(417, "The only expectation is 100-continue");
    return expects_continue_;
  }
  return true;
}

bool RequestReader::decide_framing() {
  if (http_1_0_ && !keep_alive_) request_.close = true;
  if (hosts_ > 1 || (hosts_ == 0 && !http_1_0_)) {
    fail(400, "There must be one Host header");
  } else if (codings_ > 0 && (lengths_ > 0 || http_1_0_)) {
    fail(400,
         "Transfer-Encoding stands beside Content-Length or in HTTP/1.0: where the body ends is "
         "not clear");
  } else if (codings_ > 0 && (codings_ > 1 || !chunked_)) {
    fail(501, "The only Transfer-Encoding is chunked");
  } else if (lengths_ > 1) {
    fail(400, "There must be one Content-Length header");
  } else if (lengths_ == 1) {
    constexpr size_t kMostDigits = 18;  // fits 64 bits
    if (length_.empty() || length_.size() > kMostDigits ||
        length_.find_first_not_of("0123456789") != std::string::npos) {
      fail(400, "The Content-Length \"" + length_.substr(0, kMostDigits + 2) +
                    "\" is not a length that a body can have");
    } else {
      remaining_ = std::strtoull(length_.c_str(), nullptr, 10);
      if (remaining_ > limits_.max_body_bytes) {
        fail(413, "The body is larger than this server's limit of " +
                      std::to_string(limits_.max_body_bytes) + " bytes; send less");
      }
    }
  }
  return request_.status == 0;
}

size_t RequestReader::feed_body(std::string_view bytes) {
  const size_t used = static_cast<size_t>(std::min<uint64_t>(bytes.size(), remaining_));
  request_.body.append(bytes.substr(0, used));
  remaining_ -= used;
  if (remaining_ == 0) phase_ = phase_ == Phase::kBody ? Phase::kComplete : Phase::kChunkEnd;
  return used;
}

/// A line of the chunked framing.
size_t RequestReader::feed_line(std::string_view bytes) {
  const size_t newline = bytes.find('\n');
  const size_t used = newline == std::string_view::npos ? bytes.size() : newline + 1;
  line_.append(bytes.substr(0, used));
  if (line_.size() > kMaxChunkLine) {
    fail(400, "A line of the chunked body is too long");
    return used;
  }
  if (newline == std::string_view::npos) return used;
  if (!line_.ends_with("\r\n") || !is_field_value(line_.substr(0, line_.size() - 2))) {
    fail(400, "A line of the chunked body is not a line");
    return used;
  }
  line_.resize(line_.size() - 2);
  if (phase_ == Phase::kChunkSize) {
    read_chunk_size();
  } else if (phase_ == Phase::kChunkEnd) {
    if (line_.empty()) {
      phase_ = Phase::kChunkSize;
    } else {
      fail(400, "A chunk of the body is longer than it says");
    }
  } else if (line_.empty()) {
    phase_ = Phase::kComplete;
  } else if ((trailer_bytes_ += line_.size()) > kMaxTrailerBytes ||
             !is_token(std::string_view(line_).substr(0, line_.find(':')))) {
    fail(400, "The trailer behind the chunked body is too long or not NAME: VALUE");
  }
  line_.clear();
  return used;
}

void RequestReader::read_chunk_size() {
  constexpr size_t kMostDigits = 15;
  const size_t digits = std::min(line_.find_first_not_of("0123456789abcdefABCDEF"), line_.size());
  const bool extension = digits < line_.size();
  if (digits == 0 || digits > kMostDigits || (extension && line_[digits] != ';'))
    return fail(400, "A chunk of the body does not begin with its size");
  remaining_ = std::strtoull(line_.substr(0, digits).c_str(), nullptr, 16);
  if (remaining_ >
      limits_.max_body_bytes - std::min(request_.body.size(), limits_.max_body_bytes)) {
    return fail(413, "The body is larger than this server's limit of " +
                         std::to_string(limits_.max_body_bytes) + " bytes; send less");
  }
  phase_ = remaining_ > 0 ? Phase::kChunkData : Phase::kTrailer;
}

void RequestReader::fail(int status, std::string detail) {
  request_.status = status;
  request_.detail = std::move(detail);
  request_.close = true;
  request_.body = {};
  phase_ = Phase::kComplete;
}

bool RequestReader::take_expectation() {
  const bool waits = phase_ != Phase::kHead && phase_ != Phase::kComplete;
  return waits && std::exchange(expects_continue_, false);
}

ReceivedRequest RequestReader::take() {
  ReceivedRequest taken = std::move(request_);
  *this = RequestReader(limits_);
  return taken;
}

}  // namespace beralih
