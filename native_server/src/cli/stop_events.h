// What ends `beralih serve`, or makes it open its bundle anew.
#pragma once

#include <csignal>

namespace beralih {

/// SIGTERM, SIGINT and SIGHUP as something to wait for, beside the loader's "I failed".
class StopEvents {
 public:
  /// Blocks the signals in this thread and every thread that it starts later.
  StopEvents();
  ~StopEvents();
  StopEvents(const StopEvents&) = delete;
  StopEvents& operator=(const StopEvents&) = delete;

  /// Ends the wait from another thread.
  void raise();

  /// Returns true on SIGHUP, false on the other signals or on raise(). A second signal after those
  /// ends the process at once.
  bool wait_for_reload();

 private:
  sigset_t signals_{};
  int signal_fd_ = -1;
  int event_fd_ = -1;
};

}  // namespace beralih
