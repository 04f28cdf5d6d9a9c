#include "scheduling/scheduler.h"

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
    gate_.threads.push_back(std::this_thread::get_id());
    if (gate_.order.back() < 0) return Error{ErrorCode::kInternal, "negative"};
    return rows;
  }

 private:
  Gate& gate_;
};

std::unique_ptr<Scheduler> start(Gate& gate, size_t capacity) {
  auto scheduler = Scheduler::start(
      [&gate]() -> Result<std::unique_ptr<InferenceEngine>> {
        return std::unique_ptr<InferenceEngine>(new GatedEngine(gate));
      },
      capacity);
  REQUIRE(scheduler);
  return *std::move(scheduler);
}

}  // namespace

TEST_CASE("requests are answered in order, each with its own answer, on one thread",
          "[scheduler]") {
  Gate gate;
  const auto scheduler = start(gate, 8);
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
  const auto scheduler = start(gate, 2);
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
  gate.opened.set_value();
  CHECK(running->get());
  CHECK(first->get());
  CHECK(second->get());
  CHECK(scheduler->submit(numbered(4)));
}

TEST_CASE("shutdown answers everything accepted and accepts nothing more", "[scheduler]") {
  Gate gate;
  const auto scheduler = start(gate, 100);
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
  const auto scheduler = start(gate, 4);
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
      4);
  REQUIRE_FALSE(scheduler);
  CHECK(scheduler.error().message == "no weights");
}
