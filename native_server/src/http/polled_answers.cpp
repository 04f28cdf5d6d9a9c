// PolledServer's answers, and those that go on after their handlers: no thread waits for them.
// Whoever writes wakes a worker, through the epoll that the connection waits in anyway.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <utility>

#include "http/answer_stream.h"
#include "http/polled_server.h"

namespace beralih {
namespace {

constexpr size_t kMostDiscarded = 16u << 10;  ///< of what a client sends into an open answer

bool is_gone(int socket) {
  pollfd state{socket, POLLRDHUP, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

}  // namespace

/// httplib asks the stream for the addresses (Debian 12's 0.11), or wants to be told them (0.18).
template <typename Stream, typename Setup>
bool PolledServer::process(Stream& stream, const Connection& connection, bool& close,
                           const Setup& setup) {
  if constexpr (requires { process_request(stream, close, close, setup); }) {
    return process_request(stream, close, close, setup);
  } else {
    return process_request(stream, connection.remote_address, connection.remote_port, "", 0, close,
                           close, setup);
  }
}

void PolledServer::answer(const ConnectionPtr& connection) {
  ReceivedRequest received = connection->reader.take();
  count_buffered(*connection);
  connection->wait = Connection::Wait::kForRequest;
  ++connection->answered;
  if (received.status != 0 && !received.head_is_valid)
    return refuse(*connection, received.status, received.detail);

  AnswerStream stream(*connection, received.head);
  IncomingRequest& incoming = incoming_request();
  incoming.body = std::move(received.body);
  if (received.status != 0) incoming.refusal = problem_for_status(received.status, received.detail);
  incoming.is_gone = [connection] { return is_gone(connection->socket); };
  bool close_wanted = received.close || ending_ || stopping_;
  const bool written = process(stream, *connection, close_wanted, [](httplib::Request& request) {
    request.headers.erase("Expect");  // it has been met
  });
  std::shared_ptr<OpenAnswer> open_answer = std::move(incoming.open_answer);
  incoming = {};
  if (written && open_answer != nullptr) return keep_open(connection, std::move(open_answer));
  connection->close_after_output = close_wanted || !written;
}

void PolledServer::refuse(Connection& connection, int status, const std::string& detail) {
  connection.output.append(options_.refuse(status, detail));
  (void)connection.reader.take();  // whatever came of the request is of no use any more
  count_buffered(connection);
  connection.close_after_output = true;
}

/// Sends what others have written since, and waits for more. Whatever the client sends meanwhile
/// has no meaning; that it ends its side means that it has gone.
PolledServer::Step PolledServer::continue_answer(const ConnectionPtr& connection) {
  OpenAnswer::Part part = connection->open_answer->take();
  if (part.cut_off) {
    close(connection);
    return Step::kClosed;
  }
  if (!part.bytes.empty()) {
    connection->output.append(part.bytes);
    return Step::kAgain;
  }
  if (part.last) {
    connection->open_answer->detach();
    connection->open_answer.reset();
    connection->close_after_output = true;
    return Step::kAgain;
  }
  thread_local std::vector<char> buffer(kMostDiscarded);
  const IoResult result = connection->transport->read(buffer.data(), buffer.size());
  connection->discarded += result.bytes;
  if (result.kind == IoResult::kClosed || connection->discarded > kMostDiscarded) {
    close(connection);
    return Step::kClosed;
  }
  if (result.kind == IoResult::kDone) return Step::kAgain;
  const std::shared_ptr<OpenAnswer> open_answer = connection->open_answer;
  wait_for(connection, Connection::Wait::kForNews,
           result.kind == IoResult::kWantWrite ? EPOLLOUT : EPOLLIN, Clock::time_point::max());
  // What was written before the wait began woke nobody.
  if (open_answer->has_news()) wake(*connection);
  return Step::kWaiting;
}

/// Lets a worker look at a connection that waits for news.
void PolledServer::wake(const Connection& connection) const {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLONESHOT;
  event.data.fd = connection.socket;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.socket, &event);
}

void PolledServer::keep_open(const ConnectionPtr& connection, std::shared_ptr<OpenAnswer> answer) {
  connection->open_answer = std::move(answer);
  connection->open_answer->attach([this, weak = std::weak_ptr(connection)](bool cut_off) {
    const ConnectionPtr waiting = weak.lock();
    if (waiting == nullptr) return;
    if (cut_off) {
      ::shutdown(waiting->socket, SHUT_RDWR);  // whatever it waits for, this ends
    } else if (waiting->wait == Connection::Wait::kForNews) {
      wake(*waiting);
    }
  });
}

}  // namespace beralih
