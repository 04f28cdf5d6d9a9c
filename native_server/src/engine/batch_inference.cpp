// A batch of tensors or encoded images through the same queue as single images.
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

std::vector<Result<Classification>> Classifier::classify_all(
    std::span<const std::span<const uint8_t>> encoded, size_t k, const RequestOptions& options) {
  const RequestTerms terms = terms_of(options);
  std::vector<Result<Classification>> answers;
  std::deque<Result<Begun>> pending;  // what failed at once keeps its place in the order
  const auto take_oldest = [&] {
    auto& oldest = pending.front();
    answers.push_back(oldest ? finish(*std::move(oldest), k, terms)
                             : Result<Classification>(oldest.error()));
    pending.pop_front();
  };
  const size_t most_at_once = std::max<size_t>(1, options_.queue_capacity / 2);
  for (size_t i = 0; i < encoded.size(); ++i) {
    while (pending.size() >= most_at_once) take_oldest();
    auto begun = begin(encoded[i], terms, {options.observer, i});
    // Once some are under way it waits for their answers before it asks for more.
    while (!begun && begun.error().code == ErrorCode::kOverloaded && !pending.empty()) {
      take_oldest();
      begun = begin(encoded[i], terms, {options.observer, i});
    }
    pending.push_back(std::move(begun));
  }
  while (!pending.empty()) take_oldest();
  return answers;
}

Status Classifier::prepare_item(BatchItem& item, const RequestTerms& terms,
                                const ObservedItem& observed, StageTimings& timings) {
  const auto* encoded = std::get_if<std::span<const uint8_t>>(&item);
  if (encoded == nullptr) return Ok{};
  auto prepared = prepare(*encoded, terms, observed);
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
    if (options.observer) options.observer->accepted(count, scheduler_->in_progress() - count);
    for (Admission& place : *places) {
      const ObservedItem observed{options.observer, next};
      if (auto status = prepare_item(items[next], terms, observed, batch.timings); !status)
        return name_item(status.error(), next, items.size());
      pending.push_back(
          scheduler_->submit(std::move(place), std::move(std::get<Tensor>(items[next])), observed));
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
