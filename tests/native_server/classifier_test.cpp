#include "engine/classifier.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <future>

#include "http/wire.h"
#include "test_bundle.h"

using namespace beralih_test;
using Catch::Contains;

namespace {

beralih::Result<std::shared_ptr<beralih::Classifier>> load(const TestBundle& bundle) {
  return beralih::Classifier::load(
      bundle.path(),
      [](const beralih::Bundle&) -> beralih::Result<std::unique_ptr<beralih::InferenceEngine>> {
        return std::unique_ptr<beralih::InferenceEngine>(new FakeEngine);
      },
      {});
}

beralih::Result<beralih::Classification> classify(beralih::Classifier& classifier,
                                                  const std::string& bytes, size_t k) {
  return classifier.classify({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, k);
}

}  // namespace

TEST_CASE("the classifier answers and its JSON has the documented keys in order", "[classifier]") {
  const TestBundle bundle;
  const auto classifier = load(bundle);
  REQUIRE(classifier);
  const auto answer = classify(**classifier, red_png(), 2);
  REQUIRE(answer);
  REQUIRE(answer->predictions.size() == 2);
  CHECK(answer->predictions[0].index == 2);
  CHECK(answer->predictions[0].probability == Approx(0.6652409557748219).epsilon(1e-12));
  CHECK(answer->tensor_sha256 == (*classifier)->bundle().contract().golden.front().tensor_sha256);

  const Json json = Json::parse(beralih::classification_json(*answer, **classifier, "id-1"));
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  CHECK(keys == std::vector<std::string>{"model", "contract_hash", "preprocessing_hash", "device",
                                         "engine", "request_id", "image", "tensor", "logits",
                                         "predictions", "timings_ms"});
  CHECK(json["engine"]["dtype"] == (*classifier)->engine().dtype);
  CHECK(json["engine"]["threads"] == (*classifier)->engine().threads);
  CHECK(json["engine"]["batch_size"] == 1);
  CHECK(json["engine"]["batch_rows"] == 1);
  CHECK_FALSE(json["engine"]["cpu"].get<std::string>().empty());
  CHECK(json["image"]["format"] == "png");
  CHECK(json["image"]["width"] == 4);
  CHECK(json["tensor"]["shape"] == Json::array({1, 3, 4, 4}));
  CHECK(json["predictions"][0]["label"] == "two");
  CHECK(json["request_id"] == "id-1");
  CHECK(json["timings_ms"].size() == 7);
}

TEST_CASE("bad images are errors with their code", "[classifier]") {
  const TestBundle bundle;
  const auto classifier = load(bundle);
  REQUIRE(classifier);
  const auto text = classify(**classifier, "hello", 1);
  REQUIRE_FALSE(text);
  CHECK(text.error().code == beralih::ErrorCode::kUnsupportedFormat);
  const auto truncated = classify(**classifier, red_png().substr(0, 45), 1);
  REQUIRE_FALSE(truncated);
  CHECK(truncated.error().code == beralih::ErrorCode::kCorruptImage);
}

TEST_CASE("a golden case that does not come out stops the start", "[classifier]") {
  {
    TestBundle bundle;
    bundle.contract()["golden"][0]["tensor_sha256"] = std::string(64, '0');
    bundle.write_contract();
    const auto classifier = load(bundle);
    REQUIRE_FALSE(classifier);
    CHECK_THAT(classifier.error().message, Contains("golden/red.png") && Contains("SHA-256"));
  }
  {
    TestBundle bundle;
    bundle.contract()["golden"][0]["top5"][0]["probability"] = 0.6655;
    bundle.write_contract();
    const auto classifier = load(bundle);
    REQUIRE_FALSE(classifier);
    CHECK_THAT(classifier.error().message, Contains("class 2") && Contains("within"));
  }
  {
    TestBundle bundle;
    bundle.contract()["golden"][0]["top5"][0]["probability"] = 0.66529;  // 5e-5 away
    bundle.write_contract();
    CHECK(load(bundle));
  }
}

TEST_CASE("more requests than the queue holds are refused, the others answered", "[classifier]") {
  const TestBundle bundle;
  std::promise<void> entered;
  std::promise<void> opened;
  const std::shared_future<void> open = opened.get_future().share();
  // The golden case passes; the next call says that it has begun and waits for the test.
  beralih::ClassifierOptions options;
  options.queue_capacity = 1;
  const auto classifier = beralih::Classifier::load(
      bundle.path(),
      [&](const beralih::Bundle&) -> beralih::Result<std::unique_ptr<beralih::InferenceEngine>> {
        return std::unique_ptr<beralih::InferenceEngine>(
            new beralih_test::SlowEngine(entered, open));
      },
      options);
  REQUIRE(classifier);
  auto running =
      std::async(std::launch::async, [&] { return classify(**classifier, red_png(), 1); });
  entered.get_future().wait();
  // One more may wait: of two, the first to arrive is accepted and the other refused at once.
  auto second =
      std::async(std::launch::async, [&] { return classify(**classifier, red_png(), 1); });
  auto third = std::async(std::launch::async, [&] { return classify(**classifier, red_png(), 1); });
  while (second.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready &&
         third.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
  }
  opened.set_value();
  CHECK(running.get());
  const auto answers = {second.get(), third.get()};
  int refused = 0;
  for (const auto& answer : answers) {
    if (answer) continue;
    CHECK(answer.error().code == beralih::ErrorCode::kOverloaded);
    ++refused;
  }
  CHECK(refused == 1);
}

TEST_CASE("after shutdown requests are refused as unavailable", "[classifier]") {
  const TestBundle bundle;
  const auto classifier = load(bundle);
  REQUIRE(classifier);
  (*classifier)->shutdown();
  const auto late = classify(**classifier, red_png(), 1);
  REQUIRE_FALSE(late);
  CHECK(late.error().code == beralih::ErrorCode::kUnavailable);
}
