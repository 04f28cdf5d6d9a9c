// A child process of this very program, for the lab: bounded in memory and ended with its parent,
// also where the parent is killed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "beralih/result.h"

namespace beralih {

class ChildProcess {
 public:
  /// Runs this program with these arguments (without its name) and without the BERALIH_* variables
  /// of its parent. The kernel kills the child when the calling thread ends: keep that one until
  /// the child is gone. Errors: kIo.
  static Result<std::unique_ptr<ChildProcess>> start(const std::vector<std::string>& arguments,
                                                     uint64_t most_data_bytes);
  /// Kills it, and waits until it is gone.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  void send_signal(int number) const;

  /// The rest of the first line of its standard error that holds `words`, behind them. Nothing: the
  /// child ended, the time passed, or a stop was requested.
  std::optional<std::string> wait_for_line(const std::string& words,
                                           std::chrono::milliseconds timeout,
                                           const std::stop_token& stop);
  bool ended() const;
  /// The last line that it wrote: why it ended, where it did.
  std::string last_line() const;

 private:
  ChildProcess(pid_t pid, int log);
  void read_log();

  pid_t pid_;
  int log_;
  mutable std::mutex mutex_;  ///< guards what follows
  std::condition_variable changed_;
  std::vector<std::string> lines_;
  bool ended_ = false;  ///< its standard error is closed
  std::thread reader_;
};

}  // namespace beralih
