// A fixed number of threads for preprocessing: decoded pictures are large, so there are no more at
// once than cores to work on them, and none on the inference thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "scheduling/request.h"

namespace beralih {

class WorkerPool {
 public:
  explicit WorkerPool(size_t threads);
  /// Runs what was posted, then joins.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Runs `job` on one of the threads: in order, interactive before bulk. It must not throw. The
  /// queue has no bound of its own: who posts holds an Admission.
  void post(Priority priority, std::function<void()> job);

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> interactive_;  ///< guarded by mutex_
  std::deque<std::function<void()>> bulk_;         ///< guarded by mutex_
  bool stopping_ = false;                          ///< guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace beralih
