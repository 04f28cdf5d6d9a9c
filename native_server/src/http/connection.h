// One client connection. A worker owns it while it reads or answers, the poller while it waits.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "http/open_answer.h"
#include "http/request_reader.h"
#include "http/transport.h"

namespace beralih {

/// What is to be sent, in order. Bytes that stay where they are need no copy.
class OutputQueue {
 public:
  void append(std::string_view bytes);
  void append(std::span<const uint8_t> bytes, std::shared_ptr<const void> owner);
  bool empty() const { return pieces_.empty(); }
  /// Sends what can be sent: kDone when everything is.
  IoResult::Kind flush(Transport& transport);
  void clear() { pieces_.clear(); }

 private:
  struct Piece {
    std::string own;
    std::span<const uint8_t> shared;
    std::shared_ptr<const void> owner;
    size_t sent = 0;

    std::string_view rest() const;
  };
  std::deque<Piece> pieces_;
};

struct Connection {
  using Clock = std::chrono::steady_clock;
  enum class Owner { kPoller, kWorker, kNobody };
  enum class Phase { kOpen, kLingering };
  enum class Wait { kForRequest, kForRest, kForRoom, kForNews, kForEnd };

  Connection(int fd, std::unique_ptr<Transport> bytes, ReaderLimits limits)
      : socket(fd), transport(std::move(bytes)), reader(limits) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const int socket;
  std::unique_ptr<Transport> transport;
  RequestReader reader;
  std::string unread;  ///< received, and not yet part of a request
  OutputQueue output;
  std::shared_ptr<OpenAnswer> open_answer;  ///< what follows `output`; nullptr: nothing
  Phase phase = Phase::kOpen;
  bool close_after_output = false;
  bool drained = false;  ///< the last read() took what there was: epoll, not read(), tells of more
  std::string remote_address;
  int remote_port = 0;
  size_t discarded = 0;             ///< while lingering, or behind a request with an open answer
  size_t buffered = 0;              ///< bytes that the server counts for its unfinished request
  std::atomic<size_t> answered{0};  ///< requests

  // While the poller owns it:
  std::atomic<Owner> owner{Owner::kWorker};
  std::atomic<Wait> wait{Wait::kForRequest};
  std::atomic<Clock::time_point> deadline{};
  uint32_t events = 0;  ///< that the wait is for
};

}  // namespace beralih
