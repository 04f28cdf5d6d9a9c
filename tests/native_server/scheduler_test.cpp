#include "scheduling/scheduler.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <mutex>

#include "test_bundle.h"

using namespace beralih;

namespace {

Tensor numbered(float value) {
  return Tensor{
      {1, 1},
      std::vector<float>{value}
  };
}

/// Holds every call until the test opens the gate, and records the order and the thread of the
/// calls.
struct Gate {
  std::promise<void> opened;
  std::shared_future<void> open{opened.get_future().share()};
  std::promise<void> entered;
  bool first = true;  ///< used by the inference thread alone
  std::vector<float> order;
  std::vector<size_t> sizes;
  std::vector<std::thread::id> threads;
  std::thread::id created;
};

class GatedEngine : public beralih_test::FakeEngine {
 public:
  explicit GatedEngine(Gate& gate) : gate_(gate) { gate_.created = std::this_thread::get_id(); }
  Result<std::vector<std::vector<float>>> infer(std::span<const Tensor> batch) override {
    if (std::exchange(gate_.first, false)) gate_.entered.set_value();
    gate_.open.wait();
    std::vector<std::vector<float>> rows;
    for (const Tensor& tensor : batch) {
      rows.push_back(std::get<std::vector<float>>(tensor.data));
      gate_.order.push_back(rows.back().front());
    }
    gate_.sizes.push_back(batch.size());
    gate_.threads.push_back(std::this_thread::get_id());
    if (std::any_of(rows.begin(), rows.end(), [](const auto& row) { return row.front() < 0; }))
      return Error{ErrorCode::kInternal, "negative"};
    return rows;
  }

 private:
  Gate& gate_;
};

SchedulerOptions with_capacity(size_t capacity) {
  SchedulerOptions options;
  options.queue_capacity = capacity;
  return options;
}

/// Batches of up to 4; the example is the number 100.
SchedulerOptions batching() {
  SchedulerOptions options = with_capacity(100);
  options.max_batch = 4;
  options.example = numbered(100);
  return options;
}

std::unique_ptr<Scheduler> start(Gate& gate, SchedulerOptions options) {
  auto scheduler = Scheduler::start(
      [&gate]() -> Result<std::unique_ptr<InferenceEngine>> {
        return std::unique_ptr<InferenceEngine>(new GatedEngine(gate));
      },
      std::move(options));
  REQUIRE(scheduler);
  return *std::move(scheduler);
}

}  // namespace

TEST_CASE("requests are answered in order, each with its own answer, on one thread",
          "[scheduler]") {
  Gate gate;
  const auto scheduler = start(gate, with_capacity(8));
  std::vector<std::future<Result<InferenceOutcome>>> answers;
  for (int i = 0; i < 8; ++i) {
    auto accepted = scheduler->submit(numbered(static_cast<float>(i)));
    REQUIRE(accepted);
    answers.push_back(*std::move(accepted));
    if (i == 0) gate.entered.get_future().wait();
  }
  gate.opened.set_value();
  for (int i = 0; i < 8; ++i) {
    const auto outcome = answers[static_cast<size_t>(i)].get();
    REQUIRE(outcome);
    CHECK(outcome->logits == std::vector<float>{static_cast<float>(i)});
    CHECK(outcome->queue_ms >= 0);
    CHECK(outcome->inference_ms >= 0);
  }
  scheduler->shutdown();
  CHECK(gate.order == std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7});
  for (const auto& thread : gate.threads) CHECK(thread == gate.created);
  CHECK(gate.created != std::this_thread::get_id());
}

TEST_CASE("a full queue refuses at once and what was accepted is still answered", "[scheduler]") {
  Gate gate;
  const auto scheduler = start(gate, with_capacity(2));
  auto running = scheduler->submit(numbered(0));
  REQUIRE(running);
  gate.entered.get_future().wait();  // it has left the queue
  auto first = scheduler->submit(numbered(1));
  auto second = scheduler->submit(numbered(2));
  REQUIRE(first);
  REQUIRE(second);
  const auto refused = scheduler->submit(numbered(3));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kOverloaded);
  REQUIRE(refused.error().overload);
  CHECK(refused.error().overload->limit == "queue");
  CHECK(scheduler->metrics().shed_queue == 1);
  CHECK(scheduler->metrics().waiting == 2);
  gate.opened.set_value();
  CHECK(running->get());
  CHECK(first->get());
  CHECK(second->get());
  CHECK(scheduler->submit(numbered(4)));
}

TEST_CASE("shutdown answers everything accepted and accepts nothing more", "[scheduler]") {
  Gate gate;
  const auto scheduler = start(gate, with_capacity(100));
  std::vector<std::future<Result<InferenceOutcome>>> answers;
  for (int i = 0; i < 50; ++i)
    answers.push_back(*scheduler->submit(numbered(static_cast<float>(i))));
  std::thread closer([&] { scheduler->shutdown(); });
  gate.opened.set_value();
  closer.join();
  for (auto& answer : answers) {
    REQUIRE(answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
    CHECK(answer.get());
  }
  const auto late = scheduler->submit(numbered(0));
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::kUnavailable);
  scheduler->shutdown();
}

TEST_CASE("an engine's error reaches its request alone", "[scheduler]") {
  Gate gate;
  gate.opened.set_value();
  const auto scheduler = start(gate, with_capacity(4));
  auto bad = scheduler->submit(numbered(-1));
  auto good = scheduler->submit(numbered(1));
  CHECK_FALSE(bad->get());
  CHECK(good->get());
}

TEST_CASE("an engine that cannot load is an error of start", "[scheduler]") {
  const auto scheduler = Scheduler::start(
      []() -> Result<std::unique_ptr<InferenceEngine>> {
        return Error{ErrorCode::kInvalidBundle, "no weights"};
      },
      {});
  REQUIRE_FALSE(scheduler);
  CHECK(scheduler.error().message == "no weights");
}

namespace {

/// Says how long a batch takes by advancing a clock that the test reads; no real time passes.
class FakeClock {
 public:
  TimePoint now() const { return TimePoint(std::chrono::milliseconds(now_ms_.load())); }
  void advance(int milliseconds) { now_ms_ += milliseconds; }
  void apply_to(SchedulerOptions& options) {
    options.now = [this] { return now(); };
  }
  RequestTerms within(int milliseconds, Priority priority = Priority::kInteractive) const {
    return {now() + std::chrono::milliseconds(milliseconds), priority, {}};
  }

 private:
  std::atomic<int64_t> now_ms_{1'000'000};
};

}  // namespace

TEST_CASE("a deadline that cannot be met is refused at once, with the prediction", "[scheduler]") {
  Gate gate;
  FakeClock clock;
  SchedulerOptions options = with_capacity(100);
  clock.apply_to(options);
  auto started = Scheduler::start(
      [&gate]() -> Result<std::unique_ptr<InferenceEngine>> {
        auto engine = std::make_unique<GatedEngine>(gate);
        engine->set_forward_ms(10);
        return std::unique_ptr<InferenceEngine>(std::move(engine));
      },
      std::move(options));
  REQUIRE(started);
  Scheduler& scheduler = **started;
  // An idle engine takes whatever comes: only running corrects an estimate that is too high.
  auto running = scheduler.submit(numbered(0), clock.within(5));
  REQUIRE(running);
  gate.entered.get_future().wait();
  auto second = scheduler.submit(numbered(1), clock.within(20));  // 10 that run + its own 10
  REQUIRE(second);
  const auto third = scheduler.submit(numbered(2), clock.within(29));
  REQUIRE_FALSE(third);
  CHECK(third.error().code == ErrorCode::kOverloaded);
  REQUIRE(third.error().overload);
  CHECK(third.error().overload->limit == "deadline");
  CHECK(third.error().overload->predicted_wait_ms == Approx(30));
  CHECK(third.error().overload->retry_after_s == Approx(0.001));
  CHECK(scheduler.metrics().shed_deadline == 1);
  // Bulk waits behind everybody; interactive does not wait for bulk that has time.
  auto bulk = scheduler.submit(numbered(3), clock.within(1000, Priority::kBulk));
  REQUIRE(bulk);
  auto fourth = scheduler.submit(numbered(4), clock.within(30));
  REQUIRE(fourth);
  CHECK_FALSE(scheduler.submit(numbered(5), clock.within(49, Priority::kBulk)));
  gate.opened.set_value();
  for (auto* answer : {&running, &second, &bulk, &fourth}) CHECK((*answer)->get());
  scheduler.shutdown();
  CHECK(gate.order == std::vector<float>{0, 1, 4, 3});
}

TEST_CASE("a request whose deadline passes in the queue is answered so, unseen by the engine",
          "[scheduler]") {
  Gate gate;
  FakeClock clock;
  SchedulerOptions options = with_capacity(100);
  clock.apply_to(options);
  const auto scheduler = start(gate, std::move(options));
  auto running = scheduler->submit(numbered(0));
  gate.entered.get_future().wait();
  auto late = scheduler->submit(numbered(1), clock.within(50));
  auto swept = scheduler->submit(numbered(2), clock.within(10));
  auto good = scheduler->submit(numbered(3), clock.within(5000));
  clock.advance(20);
  scheduler->sweep();
  REQUIRE(swept->wait_for(std::chrono::seconds(0)) == std::future_status::ready);
  CHECK(swept->get().error().code == ErrorCode::kDeadlineExceeded);
  CHECK(late->wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  clock.advance(40);
  gate.opened.set_value();
  const auto outcome = late->get();
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == ErrorCode::kDeadlineExceeded);
  CHECK(good->get());
  scheduler->shutdown();
  CHECK(gate.order == std::vector<float>{0, 3});
  CHECK(scheduler->metrics().expired == 2);
}

TEST_CASE("a wait ends at the deadline, not with the batch that is in the way", "[scheduler]") {
  Gate gate;
  const auto scheduler = start(gate, with_capacity(100));
  auto running = scheduler->submit(numbered(0));
  gate.entered.get_future().wait();
  const TimePoint deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(30);
  auto waiting = scheduler->submit(numbered(1), {deadline, Priority::kInteractive, {}});
  REQUIRE(waiting);
  const auto outcome = scheduler->wait(*waiting, deadline);
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == ErrorCode::kDeadlineExceeded);
  gate.opened.set_value();
  CHECK(running->get());
}

TEST_CASE("cancelled work never reaches the engine and frees its place", "[scheduler]") {
  Gate gate;
  const auto scheduler = start(gate, with_capacity(1));
  auto running = scheduler->submit(numbered(0));
  gate.entered.get_future().wait();
  std::atomic<bool> gone{false};
  RequestTerms terms;
  terms.cancelled = [&gone] { return gone.load(); };
  auto leaving = scheduler->submit(numbered(1), terms);
  REQUIRE(leaving);
  CHECK_FALSE(scheduler->submit(numbered(2)));
  gone = true;
  auto next = scheduler->submit(numbered(3));
  REQUIRE(next);
  CHECK(leaving->get().error().code == ErrorCode::kCancelled);
  gate.opened.set_value();
  CHECK(next->get());
  scheduler->shutdown();
  CHECK(gate.order == std::vector<float>{0, 3});
}

TEST_CASE("a place that is given back lets the next in, and shutdown waits for those in use",
          "[scheduler]") {
  Gate gate;
  gate.opened.set_value();
  const auto scheduler = start(gate, with_capacity(1));
  auto both = scheduler->admit(2, {});  // an idle engine takes one beside the one that may wait
  REQUIRE(both);
  CHECK_FALSE(scheduler->admit(1, {}));
  both->pop_back();
  auto again = scheduler->admit(1, {});
  REQUIRE(again);
  std::thread closer([&] { scheduler->shutdown(); });
  while (true) {
    const auto late = scheduler->admit(1, {});
    REQUIRE_FALSE(late);
    if (late.error().code == ErrorCode::kUnavailable) break;
    std::this_thread::yield();
  }
  auto first = scheduler->submit(std::move(both->front()), numbered(1));
  CHECK(first.get());
  auto second = scheduler->submit(std::move(again->front()), numbered(2));
  CHECK(second.get());
  closer.join();
  CHECK(scheduler->metrics().admitted == 0);
}

TEST_CASE("larger buckets are used only once warm, and batches are padded up to them",
          "[scheduler]") {
  Gate gate;
  const auto scheduler = start(gate, batching());
  CHECK(scheduler->warm_buckets() == std::vector<size_t>{1});
  auto running = scheduler->submit(numbered(0));
  gate.entered.get_future().wait();
  std::vector<InferenceAnswer> cold;
  for (int i = 1; i <= 3; ++i) cold.push_back(*scheduler->submit(numbered(static_cast<float>(i))));
  gate.opened.set_value();
  for (auto& answer : cold) CHECK(answer.get()->batch_size == 1);
  CHECK(running->get());
  scheduler->begin_warming();
  while (!scheduler->warming_finished()) std::this_thread::yield();
  CHECK(scheduler->warm_buckets() == std::vector<size_t>{1, 2, 4});
  CHECK(scheduler->warming_error().empty());
  scheduler->shutdown();
  CHECK(gate.sizes == std::vector<size_t>{1, 1, 1, 1, 2, 2, 2, 4, 4, 4});
}

TEST_CASE("fixed shapes pad every batch to the same size", "[scheduler]") {
  Gate gate;
  gate.opened.set_value();
  SchedulerOptions options = batching();
  options.fixed_shape = true;
  const auto scheduler = start(gate, std::move(options));
  CHECK(scheduler->warm_buckets() == std::vector<size_t>{4});
  auto alone = scheduler->submit(numbered(7));
  const auto outcome = alone->get();
  REQUIRE(outcome);
  CHECK(outcome->logits == std::vector<float>{7});
  CHECK(outcome->batch_size == 1);
  scheduler->shutdown();
  for (const size_t size : gate.sizes) CHECK(size == 4);
  CHECK(scheduler->metrics().padding == 3);
}

TEST_CASE("in a batch that fails, only the request at fault gets the error", "[scheduler]") {
  Gate gate;
  SchedulerOptions options = batching();
  options.fixed_shape = true;
  gate.opened.set_value();
  options.batch_delay = std::chrono::milliseconds(200);  // so that they meet in one batch
  const auto scheduler = start(gate, std::move(options));
  std::vector<InferenceAnswer> answers;
  for (const float value : {1.0f, -1.0f, 3.0f, 4.0f})
    answers.push_back(*scheduler->submit(numbered(value)));
  CHECK(answers[0].get());
  CHECK_FALSE(answers[1].get());
  CHECK(answers[2].get());
  CHECK(answers[3].get());
}
