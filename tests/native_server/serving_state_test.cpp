#include "http/serving_state.h"

#include <catch2/catch.hpp>
#include <chrono>

#include "http/artifacts.h"
#include "test_bundle.h"

using namespace beralih;
using namespace beralih_test;
using Catch::Contains;

namespace {

std::shared_ptr<Classifier> load(const TestBundle& bundle) {
  auto classifier = Classifier::load(bundle.path(),
                                     [](const Bundle&) -> Result<std::unique_ptr<InferenceEngine>> {
                                       return std::unique_ptr<InferenceEngine>(new FakeEngine);
                                     },
                                     {});
  REQUIRE(classifier);
  return *classifier;
}

}  // namespace

TEST_CASE("the artifacts are those of the bundle and of the weights' own header", "[state]") {
  TestBundle bundle;
  std::string header = R"({"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
                       R"("b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string length(8, '\0');
  length[0] = static_cast<char>(header.size());
  bundle.add_file("weights", "weights.safetensors", length + header + std::string(11, 'x'));
  bundle.write_contract();
  const auto classifier = load(bundle);
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
  const auto report = collect_artifacts(*load(bundle), 0);
  REQUIRE_FALSE(report);
  CHECK_THAT(report.error().message, Contains("weights.safetensors"));
}

TEST_CASE("times are written as RFC 3339", "[state]") {
  using namespace std::chrono;
  CHECK(rfc3339(system_clock::time_point(milliseconds(951782400007))) ==
        "2000-02-29T00:00:00.007Z");
  CHECK(program_started_at() == program_started_at());
}
