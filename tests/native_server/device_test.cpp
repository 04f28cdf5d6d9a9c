// What a card needs of plain code: its name, its errors, whose turn it is among its buffers,
// batches that overlap, memory that does not suffice, and the end of it.
#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <deque>
#include <future>
#include <thread>

#include "bundle/golden_check.h"
#include "engine/device_choice.h"
#include "engine/device_fault.h"
#include "engine/model_host.h"
#include "engine/staging_ring.h"
#include "scheduling/scheduler.h"
#include "telemetry/nvml.h"
#include "test_bundle.h"

using namespace beralih;
using namespace beralih_test;
using Catch::Contains;
using std::chrono::milliseconds;

namespace {

Tensor numbered(float value) {
  return Tensor{
      {1, 1},
      std::vector<float>{value}
  };
}

/// What a PipelinedEngine does, and what was done with it.
struct Card {
  std::atomic<size_t> memory_rows{1000};  ///< more rows do not fit
  std::atomic<bool> lost{false};
  std::atomic<bool> open{true};    ///< finish() waits while it is not
  std::atomic<bool> begins{true};  ///< begin() waits while it is not
  std::atomic<size_t> most_under_way{0};
  std::atomic<size_t> calls_after_loss{0};
};

/// Answers each tensor's own number; a negative one makes its whole batch fail.
class PipelinedEngine : public FakeEngine {
 public:
  explicit PipelinedEngine(Card& card) : card_(card) {
    // One alone is said to be slow: no noise of the clock makes ones look better than batches.
    set_forward_ms(1000);
  }

  size_t depth() const override { return 2; }
  Status begin(std::span<const Tensor> batch, size_t rows) override {
    while (!card_.begins) std::this_thread::sleep_for(milliseconds(1));
    if (card_.lost) {
      ++card_.calls_after_loss;
      return Error{ErrorCode::kDeviceLost, "the card is gone"};
    }
    if (rows > card_.memory_rows) return Error{ErrorCode::kOutOfMemory, "too many rows"};
    LogitRows out;
    for (const Tensor& tensor : batch) out.push_back(std::get<std::vector<float>>(tensor.data));
    under_way_.push_back(std::move(out));
    card_.most_under_way = std::max(card_.most_under_way.load(), under_way_.size());
    return Ok{};
  }
  Result<LogitRows> finish() override {
    while (!card_.open) std::this_thread::sleep_for(milliseconds(1));
    LogitRows rows = std::move(under_way_.front());
    under_way_.pop_front();
    if (card_.lost) return Error{ErrorCode::kDeviceLost, "the card is gone"};
    if (std::any_of(rows.begin(), rows.end(), [](const auto& row) { return row.front() < 0; }))
      return Error{ErrorCode::kInternal, "negative"};
    return rows;
  }
  Result<LogitRows> infer(std::span<const Tensor> batch) override {
    if (auto begun = begin(batch, batch.size()); !begun) return begun.error();
    return finish();
  }

 private:
  Card& card_;
  std::deque<LogitRows> under_way_;
};

std::unique_ptr<Scheduler> start(Card& card, size_t max_batch, bool fixed_shape = false) {
  SchedulerOptions options;
  options.queue_capacity = 200;
  options.max_batch = max_batch;
  options.fixed_shape = fixed_shape;
  options.example = numbered(100);
  auto scheduler = Scheduler::start(
      [&card]() -> Result<std::unique_ptr<InferenceEngine>> {
        return std::unique_ptr<InferenceEngine>(new PipelinedEngine(card));
      },
      std::move(options));
  REQUIRE(scheduler);
  return *std::move(scheduler);
}

void warm(Scheduler& scheduler) {
  scheduler.begin_warming();
  while (!scheduler.warming_finished()) std::this_thread::sleep_for(milliseconds(1));
}

std::vector<InferenceAnswer> submit(Scheduler& scheduler, const std::vector<float>& values) {
  std::vector<InferenceAnswer> answers;
  for (const float value : values) {
    auto accepted = scheduler.submit(numbered(value));
    REQUIRE(accepted);
    answers.push_back(*std::move(accepted));
  }
  return answers;
}

}  // namespace

TEST_CASE("devices are named as people name them", "[device]") {
  CHECK(parse_device("cpu")->kind == DeviceKind::kCpu);
  CHECK(parse_device("auto")->kind == DeviceKind::kAuto);
  CHECK(parse_device("cuda")->index == 0);
  CHECK(parse_device("cuda:3")->kind == DeviceKind::kCuda);
  CHECK(parse_device("cuda:3")->index == 3);
  for (const char* wrong :
       {"", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:1x", "cuda:128", "cuda: 1"})
    CHECK_FALSE(parse_device(wrong));
  CHECK_THAT(parse_device("gpu").error().message, Contains("\"gpu\"") && Contains("cuda:N"));
}

TEST_CASE("an error of CUDA says whether smaller, later or nothing will succeed", "[device]") {
  CHECK(classify_device_fault("CUDA out of memory. Tried to allocate 2.00 GiB") ==
        DeviceFault::kOutOfMemory);
  CHECK(classify_device_fault("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate") ==
        DeviceFault::kOutOfMemory);
  CHECK(classify_device_fault("CUDA error: an illegal memory access was encountered") ==
        DeviceFault::kSticky);
  CHECK(classify_device_fault("CUDA error: device-side assert triggered") == DeviceFault::kSticky);
  CHECK(classify_device_fault("CUDA error: uncorrectable ECC error encountered") ==
        DeviceFault::kSticky);
  CHECK(classify_device_fault("no CUDA-capable device is detected") == DeviceFault::kLost);
  CHECK(classify_device_fault("mat1 and mat2 shapes cannot be multiplied") == DeviceFault::kNone);
}

TEST_CASE("staging slots go round in order", "[device]") {
  StagingRing ring(2);
  CHECK(ring.take() == 0);
  CHECK(ring.take() == 1);
  CHECK(ring.full());
  CHECK(ring.oldest() == 0);
  ring.give_back();
  CHECK(ring.take() == 0);
  CHECK(ring.oldest() == 1);
  ring.undo_take();
  CHECK(ring.taken() == 1);
  CHECK(ring.take() == 0);
  ring.give_back();
  ring.give_back();
  CHECK(ring.empty());
}

TEST_CASE("fp16 is allowed what bf16 is", "[device]") {
  const Tolerance tolerance{1e-4, 0.03};
  CHECK(allowed_difference(tolerance, "fp16") == 0.03);
  CHECK(allowed_difference(tolerance, "fp32") == 1e-4);
}

TEST_CASE("full batches overlap in an engine that can, and every answer is its own", "[device]") {
  Card card;
  const auto scheduler = start(card, 4);
  warm(*scheduler);
  card.begins = false;
  card.open = false;
  std::vector<float> values(50);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  auto answers = submit(*scheduler, values);
  card.begins = true;
  while (card.most_under_way < 2) std::this_thread::sleep_for(milliseconds(1));
  CHECK(scheduler->metrics().running.load() >= 5);
  card.open = true;
  for (size_t i = 0; i < answers.size(); ++i) {
    const auto outcome = answers[i].get();
    REQUIRE(outcome);
    CHECK(outcome->logits == std::vector<float>{values[i]});
  }
  CHECK(card.most_under_way == 2);
  CHECK(scheduler->metrics().running.load() == 0);
  CHECK(scheduler->metrics().running_since_ns.load() == 0);
}

TEST_CASE("a batch that is not full waits for the engine instead of overlapping", "[device]") {
  Card card;
  const auto scheduler = start(card, 4);
  warm(*scheduler);
  card.most_under_way = 0;
  card.begins = false;
  auto answers = submit(*scheduler, {1});
  while (scheduler->metrics().running.load() == 0) std::this_thread::sleep_for(milliseconds(1));
  for (auto& answer : submit(*scheduler, {2, 3, 4})) answers.push_back(std::move(answer));
  card.begins = true;
  for (auto& answer : answers) CHECK(answer.get());
  CHECK(card.most_under_way == 1);
}

TEST_CASE("a failing request in overlapping batches fails alone", "[device]") {
  Card card;
  const auto scheduler = start(card, 4);
  warm(*scheduler);
  card.begins = false;
  std::vector<float> values(20);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  values[6] = -6;
  auto answers = submit(*scheduler, values);
  card.begins = true;
  for (size_t i = 0; i < answers.size(); ++i) {
    const auto outcome = answers[i].get();
    CHECK(static_cast<bool>(outcome) == (i != 6));
    if (outcome) CHECK(outcome->logits == std::vector<float>{values[i]});
  }
}

TEST_CASE("batches that do not fit the memory are not used, and the reason is told", "[device]") {
  Card card;
  card.memory_rows = 5;
  const auto scheduler = start(card, 32);
  warm(*scheduler);
  CHECK(scheduler->warm_buckets() == std::vector<size_t>{1, 2, 4});
  CHECK_THAT(scheduler->warming_error(), Contains("batches of 8 cannot be run: too many rows"));
  // Less is left later: those who shared a batch are answered one by one.
  card.memory_rows = 1;
  card.begins = false;  // all eight are there before the first batch ends: batches are shared
  auto answers = submit(*scheduler, {1, 2, 3, 4, 5, 6, 7, 8});
  card.begins = true;
  for (auto& answer : answers) CHECK(answer.get());
  CHECK(scheduler->warm_buckets() == std::vector<size_t>{1});
}

TEST_CASE("a fixed shape is halved until it fits the memory", "[device]") {
  Card card;
  card.memory_rows = 10;
  const auto scheduler = start(card, 64, true);
  CHECK(scheduler->warm_buckets() == std::vector<size_t>{8});
  CHECK_THAT(scheduler->warming_error(), Contains("batches of 16 cannot be run"));
  CHECK(submit(*scheduler, {7}).front().get()->logits == std::vector<float>{7});
}

TEST_CASE("a lost device ends every request at once", "[device]") {
  Card card;
  const auto scheduler = start(card, 4);
  warm(*scheduler);
  card.open = false;
  auto answers = submit(*scheduler, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  card.lost = true;
  card.open = true;
  for (auto& answer : answers) {
    const auto outcome = answer.get();
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == ErrorCode::kDeviceLost);
  }
  CHECK(scheduler->device_fault() == "the card is gone");
  CHECK(card.calls_after_loss <= 3);  // a batch's requests are not tried again one by one
  const auto refused = scheduler->admit(1, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kDeviceLost);
}

TEST_CASE("a host whose device is lost withdraws its model and says so once", "[device]") {
  TestBundle bundle;
  std::atomic<bool> lost{false};
  std::mutex mutex;
  std::vector<std::string> told;
  std::string reason;
  class LosableEngine : public FakeEngine {
   public:
    explicit LosableEngine(const std::atomic<bool>& lost) : lost_(lost) {}
    Result<LogitRows> infer(std::span<const Tensor> batch) override {
      if (lost_) return Error{ErrorCode::kDeviceLost, "the card is gone"};
      return FakeEngine::infer(batch);
    }

   private:
    const std::atomic<bool>& lost_;
  };
  ModelHostOptions options;
  options.bundle = bundle.path();
  options.canary_interval = milliseconds(10);
  options.make_engine = [&](const Bundle&) -> Result<std::unique_ptr<InferenceEngine>> {
    return std::unique_ptr<InferenceEngine>(new LosableEngine(lost));
  };
  ModelHost host(options, {.publish = [](const std::shared_ptr<Classifier>&) {},
                           .withdraw =
                               [&](const std::string& why) {
                                 const std::lock_guard lock(mutex);
                                 reason = why;
                               },
                           .log = [](const std::string&) {},
                           .lost =
                               [&](const std::string& why) {
                                 const std::lock_guard lock(mutex);
                                 told.push_back(why);
                               }});
  REQUIRE(host.start());
  lost = true;
  for (int wait = 0; wait < 500; ++wait) {
    std::this_thread::sleep_for(milliseconds(10));
    const std::lock_guard lock(mutex);
    if (!told.empty()) break;
  }
  host.stop();
  CHECK(told == std::vector<std::string>{"the card is gone"});
  CHECK(reason == "the card is gone");
}

TEST_CASE("the driver's library tells clocks where it knows the card", "[device]") {
  REQUIRE(::dlopen(FAKE_NVML, RTLD_NOW | RTLD_LOCAL) != nullptr);
  const auto reading = read_nvml("GPU-1");
  REQUIRE(reading);
  CHECK(reading->driver == "580.1");
  CHECK(reading->sm_clock_mhz == 1980);
  CHECK(reading->memory_clock_mhz == 2619);
  CHECK(reading->temperature_c == 41);
  CHECK(reading->power_w == 123.5);
  CHECK_FALSE(read_nvml("GPU-2"));
  CHECK_FALSE(read_nvml(""));
}
