// httplib's server on connections of our own: epoll instead of a thread per connection. A
// connection costs a thread only while its request, which has arrived whole, is being answered;
// answers are sent as the client takes them. httplib parses the head, calls the handlers and forms
// the answer.
#pragma once

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "beralih/result.h"
#include "http/connection.h"
#include "http/connection_counts.h"
#include "http/transport.h"

namespace beralih {

struct PollOptions {
  size_t workers = 64;  ///< requests that may be answered at once
  size_t max_connections = 4096;
  size_t max_buffered_bytes = 1u << 30;  ///< of all bodies that are not whole yet; more get 503
  ReaderLimits limits;
  std::chrono::milliseconds request_timeout{60'000};  ///< from its first byte to its last
  std::chrono::milliseconds idle_timeout{60'000};
  std::chrono::milliseconds drain_timeout{30'000};
  /// Somebody else listens on the socket too and goes on after the end: what is not accepted by
  /// then is the successor's.
  bool socket_is_shared = false;
  /// Until begin_accepting(), but no longer, connections wait in the kernel.
  std::chrono::milliseconds hold{0};
  /// Makes the bytes of an answer to what cannot be read as a request; the connection ends with it.
  std::function<std::string(int status, const std::string& detail)> refuse;
  /// Called a few times a second. May be empty.
  std::function<void()> tick;
};

class PolledServer : public httplib::Server {
 public:
  PolledServer() = default;
  ~PolledServer() override { stop_serving(); }

  /// Serves on a socket that listens, which it takes over. Errors: kIo, where the system gives
  /// fewer threads than asked for; then it does not serve.
  Status serve(int listening_socket, PollOptions options,
               std::unique_ptr<TransportFactory> factory);

  /// Ends PollOptions::hold.
  void begin_accepting();

  /// From now on every answer is its connection's last: when stop_serving() comes, clients that
  /// keep connections open are not in the middle of asking.
  void end_connections() { ending_ = true; }

  /// Accepts what is queued and nothing more (nothing at all from a shared socket), answers every
  /// request that has arrived or begun, within drain_timeout, and closes the rest. Idempotent.
  void stop_serving();

  ConnectionCounts counts() const;

 private:
  using Clock = Connection::Clock;
  using ConnectionPtr = std::shared_ptr<Connection>;
  enum class Step { kAgain, kWaiting, kClosed };

  void work();
  void watch();
  void accept_waiting();
  void adopt(int socket);
  void handle(const ConnectionPtr& connection);
  Step advance(const ConnectionPtr& connection);
  Step send_output(const ConnectionPtr& connection);
  Step read_more(const ConnectionPtr& connection);
  Step linger(const ConnectionPtr& connection);
  Step continue_answer(const ConnectionPtr& connection);
  void wake(const Connection& connection) const;
  void keep_open(const ConnectionPtr& connection, std::shared_ptr<OpenAnswer> answer);
  void consume(Connection& connection);
  bool count_buffered(Connection& connection);
  void answer(const ConnectionPtr& connection);
  template <typename Stream, typename Setup>
  bool process(Stream& stream, const Connection& connection, bool& close, const Setup& setup);
  void refuse(Connection& connection, int status, const std::string& detail);
  void wait_for(const ConnectionPtr& connection, Connection::Wait wait, uint32_t events,
                Clock::time_point deadline);
  void close(const ConnectionPtr& connection);
  bool is_over(const Connection& connection, Clock::time_point now) const;
  void check(const ConnectionPtr& connection, Clock::time_point now);
  std::vector<ConnectionPtr> connections() const;

  PollOptions options_;
  std::unique_ptr<TransportFactory> factory_;
  int epoll_ = -1;
  int wake_ = -1;  ///< readable once the workers are to end
  std::mutex accept_mutex_;
  int listening_ = -1;  ///< guarded by accept_mutex_ once serving

  mutable std::mutex mutex_;
  std::condition_variable changed_;  ///< a connection is gone, or stopping_ is set
  std::unordered_map<int, ConnectionPtr> connections_;  ///< guarded by mutex_
  bool finished_ = false;                               ///< guarded by mutex_
  std::atomic<bool> ending_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<Clock::time_point> accept_from_{};
  std::atomic<size_t> buffered_{0};  ///< bytes of all bodies that are not whole yet
  std::atomic<uint64_t> accepted_{0};
  std::atomic<uint64_t> refused_{0};
  std::vector<std::thread> threads_;
  std::thread watcher_;
};

}  // namespace beralih
