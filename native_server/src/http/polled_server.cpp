#include "http/polled_server.h"

#include <netdb.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "http/answer_stream.h"

namespace beralih {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCheckInterval{250};
constexpr milliseconds kDrainCheckInterval{10};
constexpr milliseconds kSlowReader{30'000};   ///< without taking a byte of the answer
constexpr milliseconds kLingering{5'000};     ///< for a client that still sends
constexpr milliseconds kDrainLingering{500};  ///< also for one that has not asked yet
constexpr size_t kReadBytes = 64u << 10;
constexpr size_t kRefusedConnections = 256;  ///< beyond the limit, which are told so
constexpr int kNothing = 0;

bool has_bytes(int socket) {
  char byte = 0;
  return ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void name_peer(const sockaddr_storage& address, socklen_t length, Connection& connection) {
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address), length, host, sizeof host, port,
                    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != kNothing) {
    return;
  }
  connection.remote_address = host;
  connection.remote_port = std::atoi(port);
}

}  // namespace

Status PolledServer::serve(int listening_socket, PollOptions options,
                           std::unique_ptr<TransportFactory> factory) {
  options_ = std::move(options);
  factory_ = std::move(factory);
  listening_ = listening_socket;
  svr_sock_ = listening_socket;  // httplib cuts answers short where it has none
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
  accept_from_ = Clock::now() + options_.hold;
  event.events = EPOLLONESHOT;  // accept_waiting() asks for more
  event.data.fd = listening_;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, listening_, &event);
  accept_waiting();
  watcher_ = std::thread([this] { watch(); });
  try {
    for (size_t i = 0; i < options_.workers; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::system_error& error) {
    const size_t started = threads_.size();
    stop_serving();
    return Error{ErrorCode::kIo, "only " + std::to_string(started) + " of " +
                                     std::to_string(options_.workers) +
                                     " threads for requests could be started (" + error.what() +
                                     "); ask for fewer with --connection-threads or --max-queue, "
                                     "or allow this process more"};
  }
  return Ok{};
}

void PolledServer::begin_accepting() {
  accept_from_ = Clock::now();
  accept_waiting();
}

void PolledServer::stop_serving() {
  if (!watcher_.joinable()) return;
  if (!options_.socket_is_shared) begin_accepting();
  {
    const std::lock_guard lock(accept_mutex_);
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, listening_, nullptr);  // a shared one lives on
    ::close(std::exchange(listening_, -1));
  }
  stopping_ = true;
  {
    std::unique_lock lock(mutex_);
    changed_.notify_all();
    changed_.wait_for(lock, options_.drain_timeout, [this] { return connections_.empty(); });
    finished_ = true;
    changed_.notify_all();
  }
  watcher_.join();
  ::eventfd_write(wake_, 1);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  for (const auto& [socket, connection] : connections_) {
    if (connection->open_answer) connection->open_answer->detach();
  }
  connections_.clear();
  ::close(epoll_);
  ::close(wake_);
}

ConnectionCounts PolledServer::counts() const {
  ConnectionCounts counts;
  for (const ConnectionPtr& connection : connections()) {
    ++counts.open;
    if (connection->owner == Connection::Owner::kWorker ||
        connection->wait == Connection::Wait::kForRest)
      ++counts.in_request;
  }
  counts.accepted = accepted_;
  counts.refused = refused_;
  return counts;
}

void PolledServer::work() {
  for (;;) {
    epoll_event event{};
    if (::epoll_wait(epoll_, &event, 1, -1) < 1) continue;
    if (event.data.fd == wake_) return;
    ConnectionPtr connection;
    {
      const std::lock_guard lock(mutex_);
      const auto found = connections_.find(event.data.fd);
      if (found != connections_.end()) connection = found->second;
    }
    if (connection == nullptr) {
      accept_waiting();
      continue;
    }
    // Otherwise the watcher has it, or the number was another connection's.
    auto expected = Connection::Owner::kPoller;
    if (connection->owner.compare_exchange_strong(expected, Connection::Owner::kWorker))
      handle(connection);
  }
}

void PolledServer::accept_waiting() {
  const std::lock_guard lock(accept_mutex_);
  if (listening_ < 0 || Clock::now() < accept_from_.load()) return;
  for (;;) {
    const int socket = ::accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket >= 0) {
      adopt(socket);
    } else if (errno != EINTR && errno != ECONNABORTED) {
      break;  // none left, or no descriptor for it: the watcher tries again
    }
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLONESHOT;
  event.data.fd = listening_;
  if (errno == EAGAIN) ::epoll_ctl(epoll_, EPOLL_CTL_MOD, listening_, &event);
}

void PolledServer::adopt(int socket) {
  const int yes = 1;  // otherwise small answers wait 40 ms for an acknowledgement
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  auto connection = std::make_shared<Connection>(socket, factory_->make(socket), options_.limits);
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &length) == 0)
    name_peer(address, length, *connection);
  ++accepted_;
  {
    const std::lock_guard lock(mutex_);
    const size_t open = connections_.size();
    if (open >= options_.max_connections + kRefusedConnections) {
      ++refused_;
      return;
    }
    connections_[socket] = connection;
    connection->close_after_output = open >= options_.max_connections;
  }
  epoll_event event{};
  event.events = EPOLLONESHOT;
  event.data.fd = socket;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
  if (connection->close_after_output) {
    ++refused_;
    refuse(*connection, 503,
           "More than " + std::to_string(options_.max_connections) +
               " connections are open; try again shortly");
    handle(connection);
  } else {
    wait_for(connection, Connection::Wait::kForRequest, EPOLLIN,
             Clock::now() + options_.request_timeout);
  }
}

void PolledServer::handle(const ConnectionPtr& connection) {
  while (advance(connection) == Step::kAgain) {
  }
}

PolledServer::Step PolledServer::advance(const ConnectionPtr& connection) {
  if (!connection->output.empty()) return send_output(connection);
  if (connection->open_answer) return continue_answer(connection);
  if (connection->phase == Connection::Phase::kLingering) return linger(connection);
  if (connection->close_after_output) {
    connection->transport->finish();
    connection->phase = Connection::Phase::kLingering;
    connection->deadline =
        Clock::now() + (stopping_ ? milliseconds(kDrainLingering) : milliseconds(kLingering));
    return Step::kAgain;
  }
  consume(*connection);
  if (connection->reader.complete()) {
    answer(connection);
    return Step::kAgain;
  }
  if (!count_buffered(*connection)) {
    refuse(*connection, 503,
           "The requests that are not whole yet hold more than this server's limit of " +
               std::to_string(options_.max_buffered_bytes) + " bytes; try again shortly");
    return Step::kAgain;
  }
  if (connection->reader.take_expectation()) {
    connection->output.append("HTTP/1.1 100 Continue\r\n\r\n");
    return Step::kAgain;
  }
  return read_more(connection);
}

PolledServer::Step PolledServer::send_output(const ConnectionPtr& connection) {
  switch (connection->output.flush(*connection->transport)) {
    case IoResult::kDone: return Step::kAgain;
    case IoResult::kForeign:
    case IoResult::kClosed: close(connection); return Step::kClosed;
    case IoResult::kWantRead:
      wait_for(connection, Connection::Wait::kForRoom, EPOLLIN, Clock::now() + kSlowReader);
      return Step::kWaiting;
    case IoResult::kWantWrite:
      wait_for(connection, Connection::Wait::kForRoom, EPOLLOUT, Clock::now() + kSlowReader);
      return Step::kWaiting;
  }
  return Step::kWaiting;
}

/// Moves what has been received into the current request.
void PolledServer::consume(Connection& connection) {
  if (connection.unread.empty()) return;
  const size_t used = connection.reader.feed(connection.unread);
  connection.unread.erase(0, used);
}

/// Adds what the connection's unfinished body has grown by, or takes away what is gone. Whether
/// that is within the limit: who goes beyond it is refused and what was here before goes on, so
/// that some requests become whole however many are begun.
bool PolledServer::count_buffered(Connection& connection) {
  const size_t before = std::exchange(connection.buffered, connection.reader.body_bytes());
  const size_t grown = connection.buffered - before;  // modulo 2^64, like the sum
  const size_t all = buffered_.fetch_add(grown) + grown;
  return connection.buffered <= before || all <= options_.max_buffered_bytes;
}

PolledServer::Step PolledServer::read_more(const ConnectionPtr& connection) {
  thread_local std::vector<char> buffer(kReadBytes);
  const IoResult result = std::exchange(connection->drained, false)
                              ? IoResult{IoResult::kWantRead}
                              : connection->transport->read(buffer.data(), buffer.size());
  connection->drained = result.drained;
  if (result.kind == IoResult::kClosed) {
    close(connection);
    return Step::kClosed;
  }
  if (result.kind == IoResult::kForeign) {
    refuse(*connection, 400, "This port speaks TLS: the address begins with https://, not http://");
    return Step::kAgain;
  }
  if (result.kind == IoResult::kDone) {
    const std::string_view bytes(buffer.data(), result.bytes);
    const size_t used = connection->reader.feed(bytes);
    connection->unread.append(bytes.substr(used));
    return Step::kAgain;
  }
  const auto now = Clock::now();
  auto wait = Connection::Wait::kForRequest;
  Clock::time_point deadline = now + options_.idle_timeout;
  if (connection->reader.begun()) {
    // Counted from the first byte on: progress does not prolong it.
    deadline = connection->wait == Connection::Wait::kForRest ? connection->deadline.load()
                                                              : now + options_.request_timeout;
    wait = Connection::Wait::kForRest;
  } else if (connection->answered == 0) {
    deadline = connection->deadline;
  }
  wait_for(connection, wait, result.kind == IoResult::kWantWrite ? EPOLLOUT : EPOLLIN, deadline);
  return Step::kWaiting;
}

/// Reads what a client still sends, so that it is not reset before it has read the answer.
PolledServer::Step PolledServer::linger(const ConnectionPtr& connection) {
  thread_local std::vector<char> buffer(kReadBytes);
  constexpr size_t kFarAbove = 16;  // times the limit of a body
  const IoResult result = connection->transport->read(buffer.data(), buffer.size());
  connection->discarded += result.bytes;
  if (result.kind == IoResult::kClosed ||
      connection->discarded / kFarAbove > options_.limits.max_body_bytes) {
    close(connection);
    return Step::kClosed;
  }
  if (result.kind == IoResult::kDone) return Step::kAgain;
  wait_for(connection, Connection::Wait::kForEnd, EPOLLIN, connection->deadline);
  return Step::kWaiting;
}

void PolledServer::wait_for(const ConnectionPtr& connection, Connection::Wait wait, uint32_t events,
                            Clock::time_point deadline) {
  connection->wait = wait;
  connection->deadline = deadline;
  connection->events = events;
  epoll_event event{};
  event.events = events | EPOLLONESHOT;
  event.data.fd = connection->socket;
  connection->owner = Connection::Owner::kPoller;  // from here on it may be another thread's
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection->socket, &event);
}

void PolledServer::close(const ConnectionPtr& connection) {
  if (connection->open_answer) connection->open_answer->detach();
  buffered_ -= std::exchange(connection->buffered, 0);
  connection->owner = Connection::Owner::kNobody;
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, connection->socket, nullptr);
  const std::lock_guard lock(mutex_);
  connections_.erase(connection->socket);
  if (connections_.empty()) changed_.notify_all();
}

std::vector<PolledServer::ConnectionPtr> PolledServer::connections() const {
  const std::lock_guard lock(mutex_);
  std::vector<ConnectionPtr> all;
  all.reserve(connections_.size());
  for (const auto& [socket, connection] : connections_) all.push_back(connection);
  return all;
}

/// Ends the waits that have lasted too long.
void PolledServer::watch() {
  std::unique_lock lock(mutex_);
  while (!finished_) {
    changed_.wait_for(lock, stopping_ ? kDrainCheckInterval : kCheckInterval,
                      [this] { return finished_; });
    lock.unlock();
    if (!stopping_) accept_waiting();  // also where there was no descriptor for a connection
    if (options_.tick) options_.tick();
    const auto now = Clock::now();
    for (const ConnectionPtr& connection : connections()) check(connection, now);
    lock.lock();
  }
}

bool PolledServer::is_over(const Connection& connection, Clock::time_point now) const {
  const Clock::time_point deadline = connection.deadline;
  if (deadline <= now) return true;
  // At the end: who has been answered, or has connected and not asked for a while.
  return stopping_ && connection.wait == Connection::Wait::kForRequest &&
         (connection.answered > 0 || deadline + kDrainLingering < now + options_.request_timeout);
}

void PolledServer::check(const ConnectionPtr& connection, Clock::time_point now) {
  if (!is_over(*connection, now)) return;
  auto expected = Connection::Owner::kPoller;
  if (!connection->owner.compare_exchange_strong(expected, Connection::Owner::kWorker)) return;
  if (!is_over(*connection, now)) {  // another wait than the one that was looked at
    wait_for(connection, connection->wait, connection->events, connection->deadline);
  } else if (connection->wait == Connection::Wait::kForRequest &&
             (stopping_ || connection->answered > 0) && has_bytes(connection->socket)) {
    handle(connection);  // its next request came in the last moment
  } else if (connection->wait == Connection::Wait::kForRest) {
    refuse(*connection, 408, "The request did not arrive whole in time");
    handle(connection);
  } else {
    close(connection);
  }
}

}  // namespace beralih
