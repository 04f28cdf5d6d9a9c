// What happens to the requests of a run, for those who know its id: a run is the requests that one
// client marked with the same random id. Each run has a ring of its last events, which newcomers
// are told first. No HTTP; subscribers are sinks that never block.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace beralih {

/// 128 bits as 32 lower-case hexadecimal digits.
bool is_run_id(std::string_view text);

/// Instead of an id: the events of all runs while somebody listens to them, each with its run.
inline constexpr std::string_view kAllRuns = "";

/// Where a subscriber's events go, as the bytes of an event stream.
class EventSink {
 public:
  virtual ~EventSink() = default;
  /// False: it takes nothing more (its reader is gone, or too slow). Must not block.
  virtual bool write(std::string_view bytes) = 0;
  /// Nothing more will be written; what has been is still sent.
  virtual void finish() = 0;
};

struct RunEventLimits {
  size_t runs = 256;
  size_t events_per_run = 256;
  size_t subscribers = 256;
  std::chrono::milliseconds heartbeat{15'000};
  std::chrono::milliseconds done_after{2'000};   ///< the last answer, if no request follows
  std::chrono::milliseconds idle_after{60'000};  ///< the last event or subscription
  std::chrono::milliseconds kept{300'000};       ///< a run that nobody listens to
};

class RunEvents {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RunEvents(RunEventLimits limits, std::function<Clock::time_point()> now = Clock::now)
      : limits_(limits), now_(std::move(now)) {}

  /// Brackets a request of the run: between the two its run is not done.
  void begin_request(const std::string& run);
  void end_request(const std::string& run);
  /// `data` is one line of JSON.
  void publish(const std::string& run, std::string_view type, std::string_view data);

  const RunEventLimits& limits() const { return limits_; }

  enum class Answer {
    kSubscribed,
    kNothingMore,  ///< the run is done and `last_id` was its last event
    kFull,         ///< too many subscribers
    kClosed,
  };
  /// Tells the sink the events behind `last_id` that are still kept (without one: all), then those
  /// to come. It is a subscriber until somebody else destroys it: it is not kept alive here.
  Answer subscribe(const std::string& run, std::optional<uint64_t> last_id,
                   const std::shared_ptr<EventSink>& sink);

  /// Heartbeats, and the end of streams whose run is over. To be called a few times a second.
  void tick();
  /// The end: streams end with their run's last answer, newcomers are refused.
  void close();

  struct Counts {
    size_t runs = 0;
    size_t subscribers = 0;
    uint64_t published = 0;
    uint64_t dropped = 0;  ///< subscribers that read too slowly
  };
  Counts counts() const;

 private:
  struct Event {
    uint64_t id;
    std::string bytes;
  };
  struct Run {
    std::deque<Event> events;
    std::vector<std::weak_ptr<EventSink>> sinks;
    uint64_t last_id = 0;
    size_t in_flight = 0;
    Clock::time_point active;     ///< the last event, request or subscription
    Clock::time_point heartbeat;  ///< the last bytes that its subscribers were sent
  };

  void add(Run& run, std::string_view type, std::string_view data);
  Run* find_or_make(const std::string& run);
  bool make_room();
  void tell(Run& run, std::string_view bytes);
  void finish(Run& run, std::string_view reason);
  size_t count_subscribers() const;
  bool is_done(const Run& run, Clock::time_point now) const;

  const RunEventLimits limits_;
  const std::function<Clock::time_point()> now_;
  mutable std::mutex mutex_;  ///< guards what follows
  std::map<std::string, Run, std::less<>> runs_;
  uint64_t published_ = 0;
  uint64_t dropped_ = 0;
  bool closed_ = false;
};

}  // namespace beralih
