#include "scheduling/batch_queue.h"

#include <algorithm>
#include <string>
#include <utility>

namespace beralih {
namespace {

std::chrono::steady_clock::duration duration_of(double milliseconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      Milliseconds(milliseconds));
}

/// Deadlines may be "never", to which nothing can be added.
bool is_before(TimePoint deadline, TimePoint now, double later_ms) {
  return deadline != kNoDeadline && deadline < now + duration_of(later_ms);
}

std::optional<Error> reason_to_drop(const QueuedRequest& request, TimePoint now) {
  if (request.terms.cancelled && request.terms.cancelled())
    return Error{ErrorCode::kCancelled, "whoever asked has gone; the network was not run"};
  if (request.terms.deadline > now) return std::nullopt;
  const auto waited = static_cast<long long>(Milliseconds(now - request.submitted).count());
  return Error{ErrorCode::kDeadlineExceeded,
               "the deadline passed after " + std::to_string(waited) +
                   " ms in the queue; the network was not run; try again, or allow more time"};
}

void sweep_one(std::deque<QueuedRequest>& queue, TimePoint now,
               std::vector<DroppedRequest>& dropped) {
  std::deque<QueuedRequest> kept;
  for (QueuedRequest& request : queue) {
    if (auto reason = reason_to_drop(request, now)) {
      dropped.push_back({std::move(request), *std::move(reason)});
    } else {
      kept.push_back(std::move(request));
    }
  }
  queue = std::move(kept);
}

}  // namespace

void BatchQueue::push(QueuedRequest request) {
  (request.terms.priority == Priority::kBulk ? bulk_ : interactive_).push_back(std::move(request));
}

std::optional<TimePoint> BatchQueue::due(size_t full) const {
  if (empty()) return std::nullopt;
  TimePoint oldest = TimePoint::max();
  if (!interactive_.empty()) oldest = interactive_.front().submitted;
  if (!bulk_.empty()) oldest = std::min(oldest, bulk_.front().submitted);
  return size() >= full ? oldest : oldest + delay_;
}

std::vector<DroppedRequest> BatchQueue::sweep(TimePoint now) {
  std::vector<DroppedRequest> dropped;
  sweep_one(interactive_, now, dropped);
  sweep_one(bulk_, now, dropped);
  return dropped;
}

size_t BatchQueue::urgent_bulk(TimePoint now, const ServiceTimes& times) const {
  // After one batch of others, the j-th bulk request would be answered with batch j / size + 1.
  const size_t bucket = times.saturated();
  const double batch_ms = times.cautious_ms(bucket);
  size_t urgent = 0;
  for (size_t j = 0; j < bulk_.size(); ++j) {
    const double answered_ms = batch_ms * static_cast<double>(2 + j / bucket);
    if (is_before(bulk_[j].terms.deadline, now, answered_ms)) urgent = j + 1;
  }
  return urgent;
}

Batch BatchQueue::take(TimePoint now, const ServiceTimes& times,
                       std::vector<DroppedRequest>& dropped) {
  Batch batch;
  if (empty()) return batch;
  const size_t room = std::min(times.choose(size()), size());
  // Bulk requests go first only where the interactive ones would fill the batch.
  size_t urgent = interactive_.size() >= room ? std::min(urgent_bulk(now, times), room) : 0;
  while (batch.requests.size() < room && !empty()) {
    const bool from_bulk = urgent > 0 || interactive_.empty();
    auto& queue = from_bulk && !bulk_.empty() ? bulk_ : interactive_;
    if (urgent > 0) --urgent;
    QueuedRequest request = std::move(queue.front());
    queue.pop_front();
    if (auto reason = reason_to_drop(request, now)) {
      dropped.push_back({std::move(request), *std::move(reason)});
    } else {
      batch.requests.push_back(std::move(request));
    }
  }
  if (batch.requests.empty()) return batch;

  // A request that its batch would answer too late only costs the others time. Where all are so,
  // they run: the estimate may be what is wrong, and only running corrects it.
  const double batch_ms = times.expected_ms(times.choose(batch.requests.size()));
  const auto hopeless = std::stable_partition(
      batch.requests.begin(), batch.requests.end(),
      [&](const QueuedRequest& r) { return !is_before(r.terms.deadline, now, batch_ms); });
  if (hopeless != batch.requests.begin()) {
    for (auto it = hopeless; it != batch.requests.end(); ++it) {
      dropped.push_back({
          std::move(*it),
          {ErrorCode::kDeadlineExceeded,
                       "the deadline would have passed before the answer; the network was not "
           "run; try again, or allow more time"}
      });
    }
    batch.requests.erase(hopeless, batch.requests.end());
  }
  batch.bucket = times.choose(batch.requests.size());
  // choose() may prefer to split: then the newest go back, in front of those that wait.
  while (batch.requests.size() > batch.bucket) {
    QueuedRequest back = std::move(batch.requests.back());
    batch.requests.pop_back();
    auto& queue = back.terms.priority == Priority::kBulk ? bulk_ : interactive_;
    queue.push_front(std::move(back));
  }
  return batch;
}

size_t BatchQueue::ahead_of(Priority priority, TimePoint now, double in_ms) const {
  if (priority == Priority::kBulk) return size();
  const auto urgent = std::count_if(bulk_.begin(), bulk_.end(), [&](const QueuedRequest& r) {
    return is_before(r.terms.deadline, now, in_ms);
  });
  return interactive_.size() + static_cast<size_t>(urgent);
}

}  // namespace beralih
