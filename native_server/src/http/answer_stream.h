// What httplib reads a request's head from and writes its answer to.
#pragma once

#include <httplib.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "http/connection.h"
#include "http/incoming.h"

namespace beralih {

class AnswerStream : public httplib::Stream {
 public:
  AnswerStream(Connection& connection, std::string_view head)
      : connection_(connection), head_(head) {}

  bool is_readable() const override { return !head_.empty(); }
  bool is_writable() const override { return true; }

  ssize_t read(char* data, size_t size) override {
    const size_t count = std::min(size, head_.size());
    std::memcpy(data, head_.data(), count);
    head_.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }

  ssize_t write(const char* data, size_t size) override {
    const IncomingRequest& incoming = incoming_request();
    const auto* begin = reinterpret_cast<const uint8_t*>(data);
    const auto& kept = incoming.kept;
    if (!kept.empty() && begin >= kept.data() && begin + size <= kept.data() + kept.size()) {
      connection_.output.append(std::span(begin, size), incoming.kept_owner);
    } else {
      connection_.output.append(std::string_view(data, size));
    }
    return static_cast<ssize_t>(size);
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip = connection_.remote_address;
    port = connection_.remote_port;
  }
  void get_local_ip_and_port(std::string&, int&) const override {}
  /// httplib refuses numbers that select() could not take; it has no other use for it.
  socket_t socket() const override { return -1; }

 private:
  Connection& connection_;
  std::string_view head_;
};

}  // namespace beralih
