#include "http/serving_state.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <stop_token>

#include "http/artifacts.h"
#include "test_bundle.h"

using namespace beralih;
using namespace beralih_test;
using Catch::Contains;

namespace {

/// Two golden cases; the second expects `probability` of class 2, of which 0.66524 is right.
void add_second_case(TestBundle& bundle, double probability) {
  Json second = bundle.contract()["golden"][0];
  second["top5"][0]["probability"] = probability;
  bundle.contract()["golden"].push_back(second);
  bundle.write_contract();
}

template <typename Engine, typename... Arguments>
std::shared_ptr<Classifier> load(const TestBundle& bundle, const ClassifierOptions& options,
                                 Arguments&... arguments) {
  auto classifier = Classifier::load(
      bundle.path(),
      [&](const Bundle&) -> Result<std::unique_ptr<InferenceEngine>> {
        return std::unique_ptr<InferenceEngine>(new Engine(arguments...));
      },
      options);
  REQUIRE(classifier);
  return *classifier;
}

}  // namespace

TEST_CASE("golden cases that come out leave the server ready", "[state]") {
  TestBundle bundle;
  add_second_case(bundle, 0.66524);
  ServingState state;
  const auto classifier = load<FakeEngine>(bundle, {});
  state.publish(classifier, 12.5);
  CHECK(state.ready_after_ms() == 12.5);
  CHECK(check_remaining_golden(classifier, state, {}));
  CHECK(state.classifier() == classifier);
}

TEST_CASE("a later golden case that fails turns ready off and says why", "[state]") {
  TestBundle bundle;
  add_second_case(bundle, 0.5);
  ServingState state;
  const auto classifier = load<FakeEngine>(bundle, {});  // the first case came out
  state.publish(classifier, 0);
  REQUIRE(state.classifier() != nullptr);
  const auto status = check_remaining_golden(classifier, state, {});
  REQUIRE_FALSE(status);
  CHECK(state.classifier() == nullptr);
  CHECK(state.reason() == status.error().message);
  CHECK_THAT(state.reason(), Contains("golden/red.png") && Contains("golden case not reproduced") &&
                                 Contains("contract says 0.5"));
}

TEST_CASE("a full queue is waited for, not taken for a failing golden case", "[state]") {
  TestBundle bundle;
  add_second_case(bundle, 0.66524);
  std::promise<void> entered;
  std::promise<void> opened;
  std::shared_future<void> open = opened.get_future().share();
  // The golden case passes; the next call says that it has begun and waits for the test.
  ClassifierOptions options;
  options.queue_capacity = 1;
  ServingState state;
  const auto classifier = load<beralih_test::SlowEngine>(bundle, options, entered, open);
  state.publish(classifier, 0);

  const std::string image = red_png();
  const auto classify = [&] {
    return classifier->classify({reinterpret_cast<const uint8_t*>(image.data()), image.size()}, 1);
  };
  auto running = std::async(std::launch::async, classify);
  entered.get_future().wait();
  // Of two more, one waits in the queue and one is refused: from then on the queue is full.
  auto second = std::async(std::launch::async, classify);
  auto third = std::async(std::launch::async, classify);
  while (second.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready &&
         third.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
  }
  SECTION("until there is room") {
    auto checking = std::async(std::launch::async,
                               [&] { return check_remaining_golden(classifier, state, {}); });
    CHECK(checking.wait_for(std::chrono::milliseconds(60)) == std::future_status::timeout);
    opened.set_value();
    CHECK(checking.get());
  }
  SECTION("or until the server stops") {
    std::stop_source stop;
    auto checking = std::async(std::launch::async, [&] {
      return check_remaining_golden(classifier, state, stop.get_token());
    });
    stop.request_stop();
    CHECK(checking.get());
    opened.set_value();
  }
  CHECK(state.classifier() == classifier);
}

TEST_CASE("the artifacts are those of the bundle and of the weights' own header", "[state]") {
  TestBundle bundle;
  std::string header = R"({"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
                       R"("b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string length(8, '\0');
  length[0] = static_cast<char>(header.size());
  bundle.add_file("weights", "weights.safetensors", length + header + std::string(11, 'x'));
  bundle.write_contract();
  const auto classifier = load<FakeEngine>(bundle, {});
  const auto report = collect_artifacts(*classifier, 1234.5678);
  REQUIRE(report);
  const Json json = Json::parse(artifacts_json(*report));
  CHECK(json["load"]["total"] == 1234.568);
  CHECK(json["server"]["device"] == "fake");
  CHECK(json["artifacts"].size() == bundle.contract()["files"].size());
  CHECK(json["artifacts"][2]["dtype"] == "F32, U8");
  CHECK_FALSE(json["artifacts"][0].contains("dtype"));
  CHECK(json["layers"] == Json::parse(R"([
    {"name": "a", "shape": [2, 1], "dtype": "F32", "parameters": 2},
    {"name": "b", "shape": [3], "dtype": "U8", "parameters": 3}])"));
  CHECK(json["memory"]["rss_bytes"] > 0);
}

TEST_CASE("weights whose header cannot be read make an error, not an empty list", "[state]") {
  const TestBundle bundle;  // its weights are the word "weights"
  const auto report = collect_artifacts(*load<FakeEngine>(bundle, {}), 0);
  REQUIRE_FALSE(report);
  CHECK_THAT(report.error().message, Contains("weights.safetensors"));
}

TEST_CASE("times are written as RFC 3339", "[state]") {
  using namespace std::chrono;
  CHECK(rfc3339(system_clock::time_point(milliseconds(951782400007))) ==
        "2000-02-29T00:00:00.007Z");
  CHECK(program_started_at() == program_started_at());
}
