// Classifier::infer: a batch of tensors or encoded images through the same queue as single images.
#include <algorithm>
#include <deque>
#include <utility>

#include "engine/classifier.h"

namespace beralih {
namespace {

using Clock = std::chrono::steady_clock;

Error name_item(Error error, size_t index, size_t count) {
  if (count > 1)
    error.message = "image " + std::to_string(index) + " of the batch: " + error.message;
  return error;
}

}  // namespace

Status Classifier::prepare_item(BatchItem& item, const RequestTerms& terms, StageTimings& timings) {
  const auto* encoded = std::get_if<std::span<const uint8_t>>(&item);
  if (encoded == nullptr) return Ok{};
  auto prepared = prepare(*encoded, terms);
  if (!prepared) return prepared.error();
  timings.queue_ms += prepared->wait_ms;
  timings.decode_ms += prepared->result.timings.decode_ms;
  timings.resize_ms += prepared->result.timings.resize_ms;
  timings.normalize_ms += prepared->result.timings.normalize_ms;
  item = std::move(prepared->result.tensor);
  return Ok{};
}

Result<BatchOutcome> Classifier::infer(std::vector<BatchItem> items,
                                       const RequestOptions& options) {
  const auto start = Clock::now();
  const RequestTerms terms = terms_of(options);
  BatchOutcome batch;
  std::deque<InferenceAnswer> pending;
  const auto take_oldest = [&]() -> Status {
    auto outcome = scheduler_->wait(pending.front(), terms.deadline);
    pending.pop_front();
    if (!outcome) return name_item(outcome.error(), batch.logits.size(), items.size());
    batch.timings.queue_ms += outcome->queue_ms;
    batch.timings.inference_ms += outcome->inference_ms;
    batch.logits.push_back(std::move(outcome->logits));
    return Ok{};
  };
  const size_t most_at_once = std::max<size_t>(1, options_.queue_capacity / 2);
  for (size_t next = 0; next < items.size();) {
    const size_t count = std::min(most_at_once, items.size() - next);
    auto places = scheduler_->admit(count, terms);
    // Once begun it waits for answers of its own before it asks for more.
    while (!places && places.error().code == ErrorCode::kOverloaded && !pending.empty()) {
      if (auto status = take_oldest(); !status) return status.error();
      places = scheduler_->admit(count, terms);
    }
    if (!places) return places.error();
    for (Admission& place : *places) {
      if (auto status = prepare_item(items[next], terms, batch.timings); !status)
        return name_item(status.error(), next, items.size());
      pending.push_back(
          scheduler_->submit(std::move(place), std::move(std::get<Tensor>(items[next]))));
      ++next;
    }
  }
  while (!pending.empty()) {
    if (auto status = take_oldest(); !status) return status.error();
  }
  batch.timings.total_ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  return batch;
}

}  // namespace beralih
