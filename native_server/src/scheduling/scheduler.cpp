#include "scheduling/scheduler.h"

#include <span>
#include <string>
#include <utility>

namespace beralih {

Result<std::unique_ptr<Scheduler>> Scheduler::start(EngineFactory factory, size_t capacity) {
  std::unique_ptr<Scheduler> scheduler(new Scheduler(capacity));
  std::promise<Status> loaded;
  std::future<Status> load_status = loaded.get_future();
  scheduler->thread_ = std::thread(
      [self = scheduler.get(), factory = std::move(factory), loaded = std::move(loaded)]() mutable {
        auto engine = factory();
        if (!engine) {
          loaded.set_value(engine.error());
          return;
        }
        self->metadata_ = (*engine)->metadata();
        loaded.set_value(Ok{});
        self->serve(**engine);
      });
  if (auto status = load_status.get(); !status) return status.error();
  return scheduler;
}

Scheduler::~Scheduler() { shutdown(); }

Result<std::future<Result<InferenceOutcome>>> Scheduler::submit(Tensor tensor) {
  Request request{std::move(tensor), Clock::now(), {}};
  auto answer = request.answer.get_future();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Error{ErrorCode::kUnavailable, "the server is shutting down"};
    if (queue_.size() >= capacity_) {
      return Error{ErrorCode::kOverloaded, "the queue is full: " + std::to_string(capacity_) +
                                               " requests are waiting; try again shortly"};
    }
    queue_.push_back(std::move(request));
  }
  wake_.notify_one();
  return answer;
}

void Scheduler::serve(InferenceEngine& engine) {
  const auto milliseconds = [](Clock::duration d) {
    return std::chrono::duration<double, std::milli>(d).count();
  };
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;  // stopping, and everything accepted is answered
    Request request = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();

    const auto begin = Clock::now();
    auto rows = engine.infer(std::span<const Tensor>(&request.tensor, 1));
    const auto end = Clock::now();
    if (!rows) {
      request.answer.set_value(rows.error());
    } else if (rows->size() != 1) {
      request.answer.set_value(Error{
          ErrorCode::kInternal, "the engine answered another number of tensors than it was given"});
    } else {
      request.answer.set_value(InferenceOutcome{std::move(rows->front()),
                                                milliseconds(begin - request.accepted),
                                                milliseconds(end - begin)});
    }
  }
}

void Scheduler::shutdown() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  const std::lock_guard lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

}  // namespace beralih
