// Classifier::infer: a batch of tensors or encoded images through the same queue as single images.
#include <algorithm>
#include <deque>
#include <future>
#include <utility>

#include "engine/classifier.h"
#include "engine/guards.h"

namespace beralih {
namespace {

using Clock = std::chrono::steady_clock;
using Pending = std::future<Result<InferenceOutcome>>;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Error deadline_passed() {
  return {ErrorCode::kOverloaded,
          "the request's deadline passed before its turn came; allow more time or try again"};
}

/// Takes the oldest answer that is outstanding.
Status take_oldest(std::deque<Pending>& pending, const RequestOptions& options,
                   BatchOutcome& batch) {
  if (options.deadline &&
      pending.front().wait_until(*options.deadline) == std::future_status::timeout) {
    return deadline_passed();
  }
  auto outcome = pending.front().get();
  pending.pop_front();
  if (!outcome) return outcome.error();
  batch.timings.queue_ms += outcome->queue_ms;
  batch.timings.inference_ms += outcome->inference_ms;
  batch.logits.push_back(std::move(outcome->logits));
  return Ok{};
}

Error overloaded(size_t capacity) {
  return {ErrorCode::kOverloaded, "the queue is full: " + std::to_string(capacity) +
                                      " requests are waiting; try again shortly"};
}

Error name_item(Error error, size_t index, size_t count) {
  if (count > 1)
    error.message = "image " + std::to_string(index) + " of the batch: " + error.message;
  return error;
}

}  // namespace

Result<BatchOutcome> Classifier::infer(std::vector<BatchItem> items,
                                       const RequestOptions& options) {
  const auto start = Clock::now();
  const InFlight in_flight(in_flight_);
  if (in_flight.others_before() > options_.queue_capacity)
    return overloaded(options_.queue_capacity);
  BatchOutcome batch;
  std::deque<Pending> pending;
  for (size_t i = 0; i < items.size(); ++i) {
    if (options.deadline && Clock::now() > *options.deadline) return deadline_passed();
    if (const auto* encoded = std::get_if<std::span<const uint8_t>>(&items[i])) {
      const auto waiting = Clock::now();
      PreprocessingSlots::Slot slot(preprocessing_slots_);
      batch.timings.queue_ms += milliseconds_since(waiting);
      PreprocessResult prepared;
      const auto status = preprocess_into(prepared, slot.workspace(), *encoded,
                                          bundle_->contract().preprocessing, options_.max_pixels);
      if (!status) return name_item(status.error(), i, items.size());
      batch.timings.decode_ms += prepared.timings.decode_ms;
      batch.timings.resize_ms += prepared.timings.resize_ms;
      batch.timings.normalize_ms += prepared.timings.normalize_ms;
      items[i] = std::move(prepared.tensor);
    }
    // One batch never fills the queue: it waits for answers of its own before it asks for more.
    while (pending.size() >= std::max<size_t>(1, options_.queue_capacity / 2)) {
      if (auto status = take_oldest(pending, options, batch); !status) return status.error();
    }
    // What is refused is gone: kept only where another try is possible.
    Tensor& tensor = std::get<Tensor>(items[i]);
    auto accepted = scheduler_->submit(pending.empty() ? std::move(tensor) : Tensor(tensor));
    while (!accepted && accepted.error().code == ErrorCode::kOverloaded && !pending.empty()) {
      if (auto status = take_oldest(pending, options, batch); !status) return status.error();
      accepted = scheduler_->submit(tensor);
    }
    if (!accepted) return accepted.error();
    tensor = {};
    pending.push_back(*std::move(accepted));
  }
  while (!pending.empty()) {
    if (auto status = take_oldest(pending, options, batch); !status) return status.error();
  }
  batch.timings.total_ms = milliseconds_since(start);
  return batch;
}

}  // namespace beralih
