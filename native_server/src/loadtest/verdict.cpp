#include "loadtest/verdict.h"

#include <algorithm>
#include <cmath>

namespace beralih {

double binomial_at_most(uint64_t n, double p, uint64_t t) {
  if (t >= n) return 1;
  const auto count = static_cast<double>(n);
  double term = count * std::log1p(-p);  // the logarithm of P(X = 0)
  const double odds = std::log(p) - std::log1p(-p);
  double largest = term;
  double sum = 1;  // of all terms, as a multiple of exp(largest)
  for (uint64_t k = 1; k <= t; ++k) {
    const auto successes = static_cast<double>(k);
    term += std::log(count - successes + 1) - std::log(successes) + odds;
    if (term > largest) {
      sum = sum * std::exp(largest - term) + 1;
      largest = term;
    } else {
      sum += std::exp(term - largest);
    }
  }
  return std::min(1.0, std::exp(largest) * sum);
}

bool claim_holds(const Claim& claim, uint64_t requests, uint64_t over_limit) {
  if (over_limit >= requests) return false;
  return binomial_at_most(requests, 1 - claim.percentile, over_limit) <= 1 - claim.confidence;
}

std::optional<uint64_t> most_over_limit(const Claim& claim, uint64_t requests) {
  if (!claim_holds(claim, requests, 0)) return std::nullopt;
  uint64_t holds = 0;
  uint64_t fails = requests;
  while (fails - holds > 1) {
    const uint64_t middle = holds + (fails - holds) / 2;
    (claim_holds(claim, requests, middle) ? holds : fails) = middle;
  }
  return holds;
}

uint64_t fewest_requests(const Claim& claim, uint64_t over_limit) {
  uint64_t fails = over_limit;
  uint64_t holds = over_limit + 1;
  while (!claim_holds(claim, holds, over_limit)) {
    fails = holds;
    holds *= 2;
  }
  while (holds - fails > 1) {
    const uint64_t middle = fails + (holds - fails) / 2;
    (claim_holds(claim, middle, over_limit) ? holds : fails) = middle;
  }
  return holds;
}

}  // namespace beralih
