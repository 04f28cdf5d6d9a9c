#include "beralih/prediction.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

using namespace beralih;

TEST_CASE("portable_exp is exp to within two units in the last place") {
  CHECK(portable_exp(0.0) == 1.0);
  CHECK(portable_exp(-800.0) == 0.0);
  CHECK(std::isnan(portable_exp(std::nan(""))));
  double worst = 0;
  for (double x = -700; x <= 700; x += 0.37) {
    const double expected = std::exp(x);
    worst = std::max(worst, std::fabs(portable_exp(x) - expected) / expected);
  }
  CHECK(worst < 2 * std::numeric_limits<double>::epsilon());
}

TEST_CASE("portable_exp has the same bits on every target") {
  // FNV-1a over the bits of 2,000 values: the number was computed natively and must hold in WASM.
  uint64_t hash = 1469598103934665603ull;
  for (int i = 0; i < 2000; ++i) {
    const double value = portable_exp(-0.0173 * i);
    uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    for (int byte = 0; byte < 8; ++byte) {
      hash ^= bits >> (8 * byte) & 0xFF;
      hash *= 1099511628211ull;
    }
  }
  CHECK(hash == 0xc0750bb94da427eull);
}

TEST_CASE("softmax sums to one, keeps the order and survives large logits") {
  const std::vector<float> logits{1000.0f, 1001.0f, 999.0f};
  const auto p = softmax(logits);
  CHECK(p[0] + p[1] + p[2] == Approx(1.0).epsilon(1e-15));
  CHECK(p[1] == Approx(1 / (1 + std::exp(-1.0) + std::exp(-2.0))));
  CHECK(p[1] > p[0]);
  CHECK(p[0] > p[2]);
}

TEST_CASE("softmax at its edges") {
  CHECK(softmax({}).empty());
  const auto infinite = softmax(std::vector<float>{INFINITY, 0.0f});
  CHECK(infinite[0] == 1.0);
  CHECK(infinite[1] == 0.0);
  const auto nan = softmax(std::vector<float>{NAN, 0.0f});
  CHECK(std::isnan(nan[0]));
  CHECK(std::isnan(nan[1]));
}

TEST_CASE("top_k: most probable first, ties by index, never more than there are") {
  const std::vector<double> p{0.1, 0.4, 0.1, 0.4};
  const auto top = top_k(p, 3);
  REQUIRE(top.size() == 3);
  CHECK(top[0].index == 1);
  CHECK(top[1].index == 3);
  CHECK(top[2].index == 0);
  CHECK(top[0].probability == 0.4);
  CHECK(top_k(p, 99).size() == 4);
  CHECK(top_k(p, 0).empty());
}
