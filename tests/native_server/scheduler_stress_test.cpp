// Thousands of submits, cancels, deadlines and drains in seeded random schedules: every accepted
// request is answered exactly once, and the counters agree.
#include <atomic>
#include <catch2/catch.hpp>
#include <random>
#include <thread>
#include <vector>

#include "scheduling/scheduler.h"
#include "test_bundle.h"

using namespace beralih;

namespace {

/// Answers the number it was given, after a random nap; now and then an error.
class NappingEngine : public beralih_test::FakeEngine {
 public:
  explicit NappingEngine(uint32_t seed) : random_(seed) {}
  Result<std::vector<std::vector<float>>> infer(std::span<const Tensor> batch) override {
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % 200));
    if (random_() % 50 == 0) return Error{ErrorCode::kInternal, "a bad day"};
    std::vector<std::vector<float>> rows;
    for (const Tensor& tensor : batch) rows.push_back(std::get<std::vector<float>>(tensor.data));
    return rows;
  }

 private:
  std::minstd_rand random_;
};

struct Tally {
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> right{0};
  std::atomic<uint64_t> wrong{0};
  std::atomic<uint64_t> failed{0};
  std::atomic<uint64_t> expired{0};
  std::atomic<uint64_t> cancelled{0};
  std::atomic<uint64_t> released{0};
  std::atomic<uint64_t> refused{0};

  void count(const Result<InferenceOutcome>& outcome, float expected) {
    if (outcome) {
      ++(outcome->logits == std::vector<float>{expected} ? right : wrong);
    } else if (outcome.error().code == ErrorCode::kDeadlineExceeded) {
      ++expired;
    } else if (outcome.error().code == ErrorCode::kCancelled) {
      ++cancelled;
    } else {
      ++failed;
    }
  }
};

void client(Scheduler& scheduler, uint32_t seed, int requests, Tally& tally) {
  std::minstd_rand random(seed);
  struct Open {
    InferenceAnswer answer;
    float expected;
    TimePoint deadline;
  };
  std::vector<Open> open;
  for (int i = 0; i < requests; ++i) {
    const auto number = static_cast<float>(random() % 1'000'000);
    RequestTerms terms;
    if (random() % 2 == 0) {
      terms.deadline =
          std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 4000);
    }
    if (random() % 3 == 0) terms.priority = Priority::kBulk;
    if (random() % 4 == 0) {
      auto gone = std::make_shared<std::atomic<int>>(static_cast<int>(random() % 3));
      terms.cancelled = [gone] { return gone->fetch_sub(1) <= 0; };
    }
    auto place = scheduler.admit(1, terms);
    if (!place) {
      ++tally.refused;
      if (random() % 4 == 0) std::this_thread::yield();
      continue;
    }
    ++tally.accepted;
    if (random() % 16 == 0) {
      ++tally.released;  // preprocessing failed
      continue;
    }
    Tensor tensor{
        {1, 1},
        std::vector<float>{number}
    };
    open.push_back(
        {scheduler.submit(std::move(place->front()), std::move(tensor)), number, terms.deadline});
    if (random() % 8 == 0) scheduler.sweep();
    while (open.size() > random() % 8) {
      tally.count(scheduler.wait(open.front().answer, open.front().deadline),
                  open.front().expected);
      open.erase(open.begin());
    }
  }
  for (Open& each : open) tally.count(each.answer.get(), each.expected);
}

}  // namespace

TEST_CASE("every accepted request is answered exactly once, whatever happens", "[stress]") {
  constexpr int kClients = 4;
  constexpr int kRequests = 250;
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    INFO("seed " << seed);
    std::minstd_rand random(seed);
    SchedulerOptions options;
    options.queue_capacity = 1 + random() % 16;
    options.max_batch = 1 + random() % 8;
    options.batch_delay = std::chrono::microseconds(random() % 300);
    options.fixed_shape = random() % 2 == 0;
    options.example = Tensor{
        {1, 1},
        std::vector<float>{0}
    };
    options.metrics = std::make_shared<SchedulerMetrics>();
    auto metrics = options.metrics;
    // An engine whose warm-up has its bad day does not start; another seed for it does.
    Result<std::unique_ptr<Scheduler>> scheduler = Error{ErrorCode::kInternal, ""};
    for (uint32_t attempt = 0; !scheduler && attempt < 20; ++attempt) {
      scheduler = Scheduler::start(
          [seed, attempt]() -> Result<std::unique_ptr<InferenceEngine>> {
            return std::unique_ptr<InferenceEngine>(new NappingEngine(seed * 100 + attempt));
          },
          options);
    }
    REQUIRE(scheduler);
    (*scheduler)->begin_warming();

    Tally tally;
    std::vector<std::thread> clients;
    for (uint32_t i = 0; i < kClients; ++i) {
      clients.emplace_back([&, i] { client(**scheduler, seed * 1000 + i, kRequests, tally); });
    }
    // Drained in the middle of it all, every second time.
    if (seed % 2 == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5 + random() % 20));
      (*scheduler)->shutdown();
    }
    for (auto& each : clients) each.join();
    (*scheduler)->shutdown();

    const uint64_t answers = tally.right + tally.failed + tally.expired + tally.cancelled;
    CHECK(tally.wrong == 0);
    CHECK(answers + tally.released == tally.accepted);
    CHECK(tally.accepted + tally.refused == kClients * kRequests);
    CHECK(metrics->accepted == tally.accepted);
    CHECK(metrics->answered == tally.right);
    CHECK(metrics->failed == tally.failed);
    CHECK(metrics->expired == tally.expired);
    CHECK(metrics->cancelled == tally.cancelled);
    CHECK(metrics->released == tally.released);
    CHECK(metrics->shed_queue + metrics->shed_deadline + metrics->shed_shutdown == tally.refused);
    CHECK(metrics->admitted == 0);
    CHECK(metrics->waiting == 0);
    CHECK(metrics->running == 0);
  }
}
