#include <sys/socket.h>

#include <cerrno>

#include "http/transport.h"

namespace beralih {
namespace {

class PlainTransport : public Transport {
 public:
  explicit PlainTransport(int socket) : socket_(socket) {}

  IoResult read(char* data, size_t size) override {
    const ssize_t got = ::recv(socket_, data, size, 0);
    if (got > 0)
      return {IoResult::kDone, static_cast<size_t>(got), static_cast<size_t>(got) < size};
    return {got < 0 && would_block() ? IoResult::kWantRead : IoResult::kClosed};
  }

  IoResult write(const char* data, size_t size) override {
    const ssize_t sent = ::send(socket_, data, size, MSG_NOSIGNAL);
    if (sent >= 0) return {IoResult::kDone, static_cast<size_t>(sent)};
    return {would_block() ? IoResult::kWantWrite : IoResult::kClosed};
  }

  void finish() override { ::shutdown(socket_, SHUT_WR); }

 private:
  static bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

  int socket_;
};

class PlainTransports : public TransportFactory {
 public:
  std::unique_ptr<Transport> make(int socket) override {
    return std::make_unique<PlainTransport>(socket);
  }
};

}  // namespace

std::unique_ptr<TransportFactory> make_plain_transports() {
  return std::make_unique<PlainTransports>();
}

}  // namespace beralih
