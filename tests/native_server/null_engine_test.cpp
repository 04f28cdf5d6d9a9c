// The engine without a network: ready where the tensor comes out, and honest about what it is.
#include "engine/null_engine.h"

#include <catch2/catch.hpp>

#include "engine/classifier.h"
#include "test_bundle.h"

using namespace beralih;
using namespace beralih_test;

TEST_CASE("the null engine is ready without golden probabilities, and answers zeros") {
  const TestBundle bundle;
  const auto classifier = Classifier::load(bundle.path(), make_null_engine, {});
  REQUIRE(classifier);
  CHECK((*classifier)->engine().device == "null");
  CHECK((*classifier)->engine().variant == "null");
  const std::string image = red_png();
  const auto answer =
      (*classifier)->classify({reinterpret_cast<const uint8_t*>(image.data()), image.size()}, 3);
  REQUIRE(answer);
  for (const Prediction& prediction : answer->predictions)
    CHECK(prediction.probability == Approx(1.0 / 3));
}

TEST_CASE("the null engine does not hide another preprocessing") {
  TestBundle bundle;
  bundle.contract()["golden"][0]["tensor_sha256"] = std::string(64, '0');
  bundle.write_contract();
  const auto classifier = Classifier::load(bundle.path(), make_null_engine, {});
  REQUIRE_FALSE(classifier);
  CHECK(classifier.error().message.find("preprocesses differently") != std::string::npos);
}

TEST_CASE("the null engine wants to know how many classes there are") {
  Bundle bundle;
  bundle.identity.contract.output.shape = {-1, -1};
  CHECK_FALSE(make_null_engine(bundle));
  bundle.identity.contract.output.shape = {-1, 5};
  const auto engine = make_null_engine(bundle);
  REQUIRE(engine);
  const std::vector<Tensor> two(2);
  const auto rows = (*engine)->infer(two);
  REQUIRE(rows);
  CHECK(*rows == std::vector(2, std::vector<float>(5)));
}
