// A `beralih serve` of the lab's own, in a child process.
#pragma once

#include <memory>
#include <string>

#include "lab/child_process.h"
#include "lab/lab.h"

namespace beralih {

struct LabServerOptions {
  LoadPolicy policy = LoadPolicy::kAtStart;
  int batch = 1;
  int threads = 1;
  int port = 0;  ///< 0: a free one
};

class LabServer {
 public:
  /// Returns when it is ready, with its batches warm. Errors: kIo with its last words, kCancelled.
  static Result<std::unique_ptr<LabServer>> start(const LabContext& context,
                                                  const LabServerOptions& options);

  const LoadTarget& target() const { return target_; }
  ChildProcess& process() { return *process_; }
  double listening_ms() const { return listening_ms_; }  ///< from its start
  double ready_ms() const { return ready_ms_; }          ///< from its start
  /// What it said when it was ready: the parts of the time.
  const std::string& ready_line() const { return ready_line_; }

 private:
  std::unique_ptr<ChildProcess> process_;
  LoadTarget target_;
  double listening_ms_ = 0;
  double ready_ms_ = 0;
  std::string ready_line_;
};

}  // namespace beralih
