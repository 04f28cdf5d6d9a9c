// The rest of an answer that goes on after its handler has returned: other threads write it, and no
// thread waits for it.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "telemetry/run_events.h"

namespace beralih {

/// Thread-safe. What its client has not taken is bounded: a client that is too slow is cut off.
class OpenAnswer : public EventSink {
 public:
  explicit OpenAnswer(size_t most_waiting) : most_waiting_(most_waiting) {}

  bool write(std::string_view bytes) override;
  void finish() override;

  // For the connection that it belongs to.

  /// `wake(cut_off)` is called, by whoever writes, when there is something new: bytes, the end, or
  /// that the client is to be cut off.
  void attach(std::function<void(bool cut_off)> wake);
  /// Nothing is taken any more, and `wake` is not called after this.
  void detach();

  struct Part {
    std::string bytes;
    bool last = false;
    bool cut_off = false;
  };
  Part take();
  bool has_news() const;

 private:
  const size_t most_waiting_;
  mutable std::mutex mutex_;  ///< guards what follows; held while `wake_` runs
  std::function<void(bool cut_off)> wake_;
  std::string waiting_;
  bool finished_ = false;
  bool cut_off_ = false;
  bool detached_ = false;
};

}  // namespace beralih
