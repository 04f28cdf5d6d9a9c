// Batching with the time as an argument: no thread, no clock.
#include "scheduling/batch_queue.h"

#include <catch2/catch.hpp>
#include <string>

using namespace beralih;
using std::chrono::milliseconds;

namespace {

const TimePoint kStart = TimePoint(std::chrono::hours(1));

QueuedRequest request(char name, int arrived_ms, Priority priority = Priority::kInteractive,
                      int deadline_ms = -1) {
  QueuedRequest out;
  out.tensor.data = std::vector<uint8_t>{static_cast<uint8_t>(name)};
  out.submitted = kStart + milliseconds(arrived_ms);
  out.terms.priority = priority;
  if (deadline_ms >= 0) out.terms.deadline = kStart + milliseconds(deadline_ms);
  return out;
}

std::string names(const std::vector<QueuedRequest>& requests) {
  std::string out;
  for (const auto& each : requests)
    out += static_cast<char>(std::get<std::vector<uint8_t>>(each.tensor.data).front());
  return out;
}

/// 1 → 10 ms, 2 → 12 ms, 4 → 16 ms: larger batches pay, as on a GPU.
ServiceTimes batching_pays() {
  ServiceTimes times;
  times.add_bucket(1, 10);
  times.add_bucket(2, 12);
  times.add_bucket(4, 16);
  return times;
}

Batch take(BatchQueue& queue, const ServiceTimes& times, int at_ms, size_t dropped_expected = 0) {
  std::vector<DroppedRequest> dropped;
  Batch batch = queue.take(kStart + milliseconds(at_ms), times, dropped);
  CHECK(dropped.size() == dropped_expected);
  return batch;
}

}  // namespace

TEST_CASE("a batch is padded up to the bucket that answers most per millisecond", "[batching]") {
  const ServiceTimes times = batching_pays();
  CHECK(times.choose(1) == 1);
  CHECK(times.choose(2) == 2);
  CHECK(times.choose(3) == 4);
  CHECK(times.choose(9) == 4);
  CHECK(times.buckets() == std::vector<size_t>{1, 2, 4});
}

TEST_CASE("where padding costs as much as work, a batch is split", "[batching]") {
  ServiceTimes times;
  for (const size_t size : {1, 2, 4, 8}) times.add_bucket(size, 10.0 * static_cast<double>(size));
  CHECK(times.choose(8) == 8);
  CHECK(times.choose(5) == 4);
  CHECK(times.choose(7) == 4);
  CHECK(times.choose(3) == 2);
  CHECK(times.choose(1) == 1);
}

TEST_CASE("a request alone stays alone, however lucky a larger bucket was measured", "[batching]") {
  ServiceTimes times;
  times.add_bucket(1, 30);
  times.add_bucket(2, 12);
  times.add_bucket(4, 10);
  CHECK(times.choose(1) == 1);
  CHECK(times.choose(2) == 2);
  CHECK(times.choose(3) == 4);
}

TEST_CASE("the moving average follows the engine", "[batching]") {
  ServiceTimes times;
  times.add_bucket(1, 10);
  CHECK(times.cautious_ms(1) == Approx(10));
  for (int i = 0; i < 60; ++i) times.record(1, 20);
  CHECK(times.expected_ms(1) == Approx(20).epsilon(0.01));
  times.record(2, 5);  // not a bucket
  CHECK(times.buckets().size() == 1);
}

TEST_CASE("the predicted wait counts whole batches", "[batching]") {
  const ServiceTimes times = batching_pays();
  CHECK(times.completion_ms(0, false) == Approx(10));
  CHECK(times.completion_ms(0, true) == Approx(16));
  CHECK(times.completion_ms(3, true) == Approx(16));
  CHECK(times.completion_ms(4, true) == Approx(32));
  CHECK(times.completion_ms(11, false) == Approx(48));
}

TEST_CASE("what came later than predicted makes the next prediction more cautious", "[batching]") {
  ServiceTimes times = batching_pays();
  CHECK(times.caution() == 1);
  for (int i = 0; i < 100; ++i) times.record_prediction(100, 120);
  CHECK(times.caution() == Approx(1.2).epsilon(0.01));
  for (int i = 0; i < 200; ++i) times.record_prediction(100, i % 2 == 0 ? 90 : 110);
  CHECK(times.caution() == Approx(1.3).epsilon(0.05));  // three times a deviation of 0.1
  for (int i = 0; i < 100; ++i) times.record_prediction(100, 50);
  CHECK(times.caution() == Approx(1).epsilon(0.001));  // sooner than predicted never admits more
  times.record_prediction(1, 10'000);  // one pause of the machine counts as twice the prediction
  CHECK(times.caution() < 1.7);
}

TEST_CASE("without delay what waits is taken at once, with delay the oldest waits for company",
          "[batching]") {
  BatchQueue at_once{std::chrono::microseconds(0)};
  CHECK_FALSE(at_once.due(4));
  at_once.push(request('a', 5));
  CHECK(*at_once.due(4) == kStart + milliseconds(5));

  BatchQueue delayed{milliseconds(3)};
  delayed.push(request('a', 5));
  CHECK(*delayed.due(2) == kStart + milliseconds(8));
  delayed.push(request('b', 6));
  CHECK(*delayed.due(2) == kStart + milliseconds(5));  // full
}

TEST_CASE("interactive requests go before bulk ones, each class in order", "[batching]") {
  BatchQueue queue{std::chrono::microseconds(0)};
  queue.push(request('a', 0, Priority::kBulk));
  queue.push(request('b', 1, Priority::kBulk));
  queue.push(request('X', 2));
  queue.push(request('Y', 3));
  queue.push(request('Z', 4));
  const ServiceTimes times = batching_pays();
  CHECK(names(take(queue, times, 5).requests) == "XYZa");
  const Batch rest = take(queue, times, 6);
  CHECK(names(rest.requests) == "b");
  CHECK(rest.bucket == 1);
  CHECK(take(queue, times, 7).requests.empty());
}

TEST_CASE("a bulk request goes first when one more batch of others would make it too late",
          "[batching]") {
  const ServiceTimes times = batching_pays();  // a batch of 4 takes 16 ms
  const auto fill = [](BatchQueue& queue) {
    for (const char name : {'U', 'V', 'W', 'X', 'Y', 'Z'}) queue.push(request(name, 1));
  };
  BatchQueue patient{std::chrono::microseconds(0)};
  patient.push(request('a', 0, Priority::kBulk, 40));
  fill(patient);
  CHECK(names(take(patient, times, 5).requests) == "UVWX");  // 5 + 2 * 16 is still in time
  BatchQueue pressing{std::chrono::microseconds(0)};
  pressing.push(request('a', 0, Priority::kBulk, 40));
  fill(pressing);
  CHECK(names(take(pressing, times, 9).requests) == "aUVW");
}

TEST_CASE("bulk requests are never starved beyond their deadline by a stream of others",
          "[batching]") {
  ServiceTimes times;
  times.add_bucket(1, 10);
  BatchQueue queue{std::chrono::microseconds(0)};
  for (const char name : {'a', 'b', 'c'}) queue.push(request(name, 0, Priority::kBulk, 200));
  std::string served;
  for (int at = 0; at < 400 && served.size() < 40; at += 10) {
    queue.push(request('X', at));
    served += names(take(queue, times, at).requests);
  }
  for (const char name : {'a', 'b', 'c'}) {
    const size_t position = served.find(name);
    REQUIRE(position != std::string::npos);
    CHECK((position + 1) * 10 <= 200);  // answered when its batch ends
    CHECK(position > 10);               // but not before it had to
  }
}

TEST_CASE("cancelled and late requests never reach a batch", "[batching]") {
  const ServiceTimes times = batching_pays();
  BatchQueue queue{std::chrono::microseconds(0)};
  bool gone = false;
  QueuedRequest leaving = request('a', 0);
  leaving.terms.cancelled = [&gone] { return gone; };
  queue.push(std::move(leaving));
  queue.push(request('b', 0, Priority::kInteractive, 10));
  queue.push(request('c', 0));
  gone = true;
  std::vector<DroppedRequest> dropped;
  const Batch batch = queue.take(kStart + milliseconds(10), times, dropped);
  CHECK(names(batch.requests) == "c");
  REQUIRE(dropped.size() == 2);
  CHECK(dropped[0].reason.code == ErrorCode::kCancelled);
  CHECK(dropped[1].reason.code == ErrorCode::kDeadlineExceeded);
}

TEST_CASE("sweep removes what is late or cancelled, wherever it stands", "[batching]") {
  BatchQueue queue{std::chrono::microseconds(0)};
  queue.push(request('a', 0));
  queue.push(request('b', 0, Priority::kInteractive, 5));
  queue.push(request('c', 0, Priority::kBulk, 5));
  queue.push(request('d', 0, Priority::kBulk));
  CHECK(queue.sweep(kStart + milliseconds(4)).empty());
  CHECK(queue.sweep(kStart + milliseconds(5)).size() == 2);
  CHECK(names(take(queue, batching_pays(), 6).requests) == "ad");
}

TEST_CASE("a request that its batch would answer too late is dropped, unless all would be",
          "[batching]") {
  const ServiceTimes times = batching_pays();
  BatchQueue queue{std::chrono::microseconds(0)};
  queue.push(request('a', 0, Priority::kInteractive, 5));  // due in 5, the batch takes 12
  queue.push(request('b', 0));
  const Batch batch = take(queue, times, 0, 1);
  CHECK(names(batch.requests) == "b");
  CHECK(batch.bucket == 1);
  queue.push(request('c', 0, Priority::kInteractive, 5));
  CHECK(names(take(queue, times, 0).requests) == "c");
}

TEST_CASE("who is ahead of a newcomer", "[batching]") {
  BatchQueue queue{std::chrono::microseconds(0)};
  queue.push(request('a', 0, Priority::kBulk, 50));
  queue.push(request('b', 0, Priority::kBulk));
  queue.push(request('X', 0));
  CHECK(queue.ahead_of(Priority::kBulk, kStart, 0) == 3);
  CHECK(queue.ahead_of(Priority::kInteractive, kStart, 40) == 1);
  CHECK(queue.ahead_of(Priority::kInteractive, kStart, 60) == 2);
}
