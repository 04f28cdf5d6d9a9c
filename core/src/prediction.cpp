#include "beralih/prediction.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <numeric>

namespace beralih {

namespace {

// 2^n by building the exponent field: exact, no libm. -1022 <= n <= 1023.
double power_of_two(int n) {
  const uint64_t bits = static_cast<uint64_t>(n + 1023) << 52;
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace

// Cody-Waite reduction x = k ln2 + r, |r| <= ln2/2, then the rational approximation of fdlibm's
// e_exp.c (Sun Microsystems 1993, public): every step is one IEEE-754 operation, so that the
// compiler flag -ffp-contract=off makes the result the same on every target.
double portable_exp(double x) {
  if (std::isnan(x)) return x;
  if (x > 709.782712893383973096) return HUGE_VAL;
  if (x < -708.0) return 0.0;  // the rest of softmax's range is below any probability shown
  constexpr double kLn2High = 6.93147180369123816490e-01;
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  constexpr double kInvLn2 = 1.44269504088896338700e+00;
  constexpr double kP1 = 1.66666666666666019037e-01;
  constexpr double kP2 = -2.77777777770155933842e-03;
  constexpr double kP3 = 6.61375632143793436117e-05;
  constexpr double kP4 = -1.65339022054652515390e-06;
  constexpr double kP5 = 4.13813679705723846039e-08;
  const int k = static_cast<int>(kInvLn2 * x + (x < 0 ? -0.5 : 0.5));
  const double high = x - k * kLn2High;
  const double low = k * kLn2Low;
  const double r = high - low;
  const double t = r * r;
  const double c = r - t * (kP1 + t * (kP2 + t * (kP3 + t * (kP4 + t * kP5))));
  const double y = 1.0 - ((low - (r * c) / (2.0 - c)) - high);
  return k == 1024 ? y * 2.0 * power_of_two(1023) : y * power_of_two(k);
}

std::vector<double> softmax(std::span<const float> logits) {
  std::vector<double> probabilities(logits.size());
  if (logits.empty()) return probabilities;
  const bool has_nan = std::any_of(logits.begin(), logits.end(), [](float v) { return v != v; });
  if (has_nan) {
    std::fill(probabilities.begin(), probabilities.end(), std::nan(""));
    return probabilities;
  }
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    // inf - inf would be NaN; an infinite logit takes all the probability.
    const double difference = logits[i] == largest ? 0.0 : logits[i] - largest;
    probabilities[i] = portable_exp(difference);
    sum += probabilities[i];
  }
  for (double& p : probabilities) p /= sum;
  return probabilities;
}

std::vector<Prediction> top_k(std::span<const double> probabilities, size_t k) {
  std::vector<int> order(probabilities.size());
  std::iota(order.begin(), order.end(), 0);
  k = std::min(k, order.size());
  const auto more_probable = [&](int a, int b) {
    const double pa = probabilities[static_cast<size_t>(a)];
    const double pb = probabilities[static_cast<size_t>(b)];
    return pa > pb || (pa == pb && a < b);
  };
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(k);
  // NaN would break the strict weak ordering; then the index order stands.
  const bool ordered =
      std::none_of(probabilities.begin(), probabilities.end(), [](double p) { return p != p; });
  if (ordered) std::partial_sort(order.begin(), middle, order.end(), more_probable);
  std::vector<Prediction> result;
  result.reserve(k);
  for (auto it = order.begin(); it != middle; ++it) {
    result.push_back({*it, probabilities[static_cast<size_t>(*it)]});
  }
  return result;
}

}  // namespace beralih
