#include "engine/model_host.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "test_bundle.h"

using namespace beralih;
using namespace beralih_test;
using Catch::Contains;
using std::chrono::milliseconds;

namespace {

/// Two golden cases; the second expects `probability` of class 2, of which 0.66524 is right.
void add_second_case(TestBundle& bundle, double probability) {
  Json second = bundle.contract()["golden"][0];
  second["top5"][0]["probability"] = probability;
  bundle.contract()["golden"].push_back(second);
  bundle.write_contract();
}

/// What the host told the server.
class Served {
 public:
  ModelHostEvents events() {
    return {.publish =
                [this](std::shared_ptr<Classifier> classifier) {
                  const std::lock_guard lock(mutex_);
                  classifier_ = std::move(classifier);
                  reason_.clear();
                },
            .withdraw =
                [this](const std::string& reason) {
                  const std::lock_guard lock(mutex_);
                  classifier_.reset();
                  reason_ = reason;
                },
            .log =
                [this](const std::string& line) {
                  const std::lock_guard lock(mutex_);
                  log_ += line;
                }};
  }
  std::shared_ptr<Classifier> classifier() const {
    const std::lock_guard lock(mutex_);
    return classifier_;
  }
  std::string reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }
  std::string log() const {
    const std::lock_guard lock(mutex_);
    return log_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<Classifier> classifier_;
  std::string reason_;
  std::string log_;
};

/// Gives wrong logits, or hangs, while the test says so.
struct Mood {
  std::atomic<bool> wrong{false};
  std::atomic<bool> hanging{false};
};

class MoodyEngine : public FakeEngine {
 public:
  explicit MoodyEngine(const Mood& mood) : mood_(mood) {}
  Result<std::vector<std::vector<float>>> infer(std::span<const Tensor> batch) override {
    while (mood_.hanging) std::this_thread::sleep_for(milliseconds(1));
    if (mood_.wrong) return std::vector<std::vector<float>>(batch.size(), {2.0f, 1.0f, 0.0f});
    return FakeEngine::infer(batch);
  }

 private:
  const Mood& mood_;
};

ModelHostOptions options_for(const TestBundle& bundle, const Mood& mood) {
  ModelHostOptions options;
  options.bundle = bundle.path();
  options.make_engine = [&mood](const Bundle&) -> Result<std::unique_ptr<InferenceEngine>> {
    return std::unique_ptr<InferenceEngine>(new MoodyEngine(mood));
  };
  options.canary_interval = milliseconds(0);
  return options;
}

template <typename Condition>
bool comes_true(const Condition& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

Result<Classification> classify(Classifier& classifier) {
  static const std::string image = red_png();
  return classifier.classify({reinterpret_cast<const uint8_t*>(image.data()), image.size()}, 1);
}

}  // namespace

TEST_CASE("after ready the other golden cases come out and the batches are warmed", "[host]") {
  TestBundle bundle;
  add_second_case(bundle, 0.66524);
  const Mood mood;
  Served served;
  ModelHostOptions options = options_for(bundle, mood);
  options.classifier.max_batch = 3;
  ModelHost host(options, served.events());
  REQUIRE(host.start());
  CHECK(served.classifier() == host.current());
  CHECK(
      comes_true([&] { return served.log().find("batches warm: 1, 2, 3") != std::string::npos; }));
  CHECK_THAT(served.log(), Contains("golden cases reproduced: all 2"));
}

TEST_CASE("a later golden case that fails turns ready off and says why", "[host]") {
  TestBundle bundle;
  add_second_case(bundle, 0.5);
  const Mood mood;
  Served served;
  ModelHost host(options_for(bundle, mood), served.events());
  REQUIRE(host.start());  // the first case came out
  REQUIRE(comes_true([&] { return served.classifier() == nullptr; }));
  CHECK_THAT(served.reason(), Contains("golden/red.png") &&
                                  Contains("golden case not reproduced") &&
                                  Contains("contract says 0.5"));
}

TEST_CASE("a canary that fails turns ready off, and on again when it comes out", "[host]") {
  const TestBundle bundle;
  Mood mood;
  Served served;
  ModelHostOptions options = options_for(bundle, mood);
  options.canary_interval = milliseconds(10);
  ModelHostEvents events = served.events();
  std::atomic<int> alive{0};
  events.alive = [&] { ++alive; };
  ModelHost host(options, std::move(events));
  REQUIRE(host.start());
  CHECK(comes_true([&] { return alive > 0; }));
  mood.wrong = true;
  REQUIRE(comes_true([&] { return served.classifier() == nullptr; }));
  CHECK_THAT(served.reason(), Contains("canary") && Contains("class 2"));
  const int before = alive;
  std::this_thread::sleep_for(milliseconds(350));  // several times the interval
  CHECK(alive == before);
  mood.wrong = false;
  CHECK(comes_true([&] { return served.classifier() != nullptr; }));
  CHECK(comes_true([&] { return alive > before; }));
}

TEST_CASE("an engine that hangs turns ready off", "[host]") {
  const TestBundle bundle;
  Mood mood;
  Served served;
  ModelHostOptions options = options_for(bundle, mood);
  options.stall_limit = milliseconds(50);
  ModelHost host(options, served.events());
  REQUIRE(host.start());
  mood.hanging = true;
  auto answer = std::async(std::launch::async, [&] { return classify(*host.current()); });
  CHECK(comes_true([&] { return served.classifier() == nullptr; }));
  CHECK_THAT(served.reason(), Contains("one batch"));
  mood.hanging = false;
  CHECK(answer.get());
  CHECK(comes_true([&] { return served.classifier() != nullptr; }));
}

TEST_CASE("a reload replaces the classifier; requests that hold the old one are answered by it",
          "[host]") {
  TestBundle bundle;
  const Mood mood;
  Served served;
  ModelHost host(options_for(bundle, mood), served.events());
  CHECK_FALSE(host.reload());  // nothing to replace yet
  REQUIRE(host.start());
  auto old = host.current();
  bundle.contract()["version"] = "2.0.0";
  bundle.write_contract();
  const auto report = host.reload();
  REQUIRE(report);
  CHECK(report->contract_before != report->contract_after);
  CHECK(served.classifier() == host.current());
  CHECK(served.classifier() != old);
  CHECK(served.classifier()->bundle().contract().version == "2.0.0");
  std::this_thread::sleep_for(milliseconds(250));  // the host has looked at least once
  CHECK(classify(*old));
  const std::weak_ptr<Classifier> gone = old;
  old.reset();
  CHECK(comes_true([&] { return gone.expired(); }));
}

TEST_CASE("a bundle that is no good is not swapped in", "[host]") {
  TestBundle bundle;
  const Mood mood;
  Served served;
  ModelHost host(options_for(bundle, mood), served.events());
  REQUIRE(host.start());
  const auto old = host.current();
  SECTION("a later golden case fails") { add_second_case(bundle, 0.5); }
  SECTION("a file was altered") { write_file(bundle.path() / "labels.txt", "zero\none\ntoo\n"); }
  const auto report = host.reload();
  REQUIRE_FALSE(report);
  CHECK(report.error().code == ErrorCode::kInvalidBundle);
  CHECK(host.current() == old);
  CHECK(served.classifier() == old);
  CHECK(classify(*old));
}

TEST_CASE("reloads under load lose no request", "[host]") {
  const TestBundle bundle;
  const Mood mood;
  Served served;
  ModelHost host(options_for(bundle, mood), served.events());
  REQUIRE(host.start());
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0};
  std::atomic<int> lost{0};
  std::vector<std::jthread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      while (!stop) {
        const auto classifier = served.classifier();
        ++(classifier != nullptr && classify(*classifier) ? answered : lost);
      }
    });
  }
  for (int i = 0; i < 50; ++i) CHECK(host.reload());
  stop = true;
  clients.clear();
  CHECK(lost == 0);
  CHECK(answered > 50);
}
