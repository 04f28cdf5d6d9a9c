#include "scheduling/worker_pool.h"

#include <algorithm>
#include <utility>

namespace beralih {

WorkerPool::WorkerPool(size_t threads) {
  for (size_t i = 0; i < std::max<size_t>(threads, 1); ++i)
    threads_.emplace_back([this] { work(); });
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::post(Priority priority, std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    (priority == Priority::kBulk ? bulk_ : interactive_).push_back(std::move(job));
  }
  wake_.notify_one();
}

void WorkerPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !interactive_.empty() || !bulk_.empty(); });
    if (interactive_.empty() && bulk_.empty()) return;
    auto& queue = interactive_.empty() ? bulk_ : interactive_;
    const std::function<void()> job = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

}  // namespace beralih
