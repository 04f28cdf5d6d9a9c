#include "http/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace beralih {
namespace {

constexpr int kBacklog = 4096;  // connections that the kernel holds until they are accepted

std::string describe(const std::string& host, int port, int code) {
  const std::string where = "cannot listen on " + host + " port " + std::to_string(port);
  switch (code) {
    case EADDRINUSE:
      return where + ": the port is taken; stop the other program or choose another with --port";
    case EACCES: return where + ": not permitted; choose a port above 1023 with --port";
    case EADDRNOTAVAIL:
      return where + ": this machine has no such address; choose another with --host";
    default: return where + ": " + std::strerror(code);
  }
}

std::string in_url(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

int port_of(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

/// The address that it is bound to; empty if it is not one of TCP over IP that listens.
std::string listening_host(int socket) {
  int listens = 0;
  socklen_t length = sizeof listens;
  if (::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) != 0 || listens == 0)
    return {};
  sockaddr_storage address{};
  length = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
  char host[NI_MAXHOST];
  const bool ip = address.ss_family == AF_INET || address.ss_family == AF_INET6;
  if (!ip || ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), length, host, sizeof host,
                           nullptr, 0, NI_NUMERICHOST) != 0) {
    return {};
  }
  return host;
}

/// The number that an environment variable holds; 0 where it holds none.
int number_in(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? 0 : std::atoi(text);
}

/// The socket, or -1 with errno.
int open_socket(const addrinfo& address) {
  const int socket = ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(socket, address.ai_addr, address.ai_addrlen) == 0 && ::listen(socket, kBacklog) == 0)
    return socket;
  const int code = errno;
  ::close(socket);
  errno = code;
  return -1;
}

}  // namespace

Result<Listener> listen_on(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return Error{ErrorCode::kIo,
                 "cannot listen on " + host + " port " + std::to_string(port) +
                     ": the host name does not resolve; choose another with --host"};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  int code = EADDRNOTAVAIL;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const int socket = open_socket(*address);
    if (socket >= 0) return Listener{socket, port_of(socket), in_url(host)};
    code = errno;
  }
  return Error{ErrorCode::kIo, describe(host, port, code)};
}

Result<std::optional<Listener>> inherited_listener() {
  constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
  const bool ours = number_in("LISTEN_PID") == ::getpid();
  const int count = ours ? number_in("LISTEN_FDS") : 0;
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(variable);
  if (count == 0) return std::optional<Listener>();
  const std::string host = count == 1 ? listening_host(kFirst) : std::string();
  if (host.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "the service manager handed over " + std::to_string(count) +
                     " sockets (LISTEN_FDS), but one TCP socket that listens is wanted; one "
                     "ListenStream=ADDRESS:PORT in beralih.socket makes it"};
  }
  ::fcntl(kFirst, F_SETFD, FD_CLOEXEC);
  ::fcntl(kFirst, F_SETFL, ::fcntl(kFirst, F_GETFL) | O_NONBLOCK);
  return std::optional(Listener{kFirst, port_of(kFirst), in_url(host), /*inherited=*/true});
}

}  // namespace beralih
