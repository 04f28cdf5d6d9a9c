// "99 % of all requests within 50 ms", said with a confidence: the early stopping of MLPerf LoadGen
// (mlcommons/inference, loadgen/early_stopping.cc, tolerance 0). With n requests of which t were
// over the limit, the claim holds at confidence c if a service that just misses it would show t or
// fewer with a probability of at most 1 - c: P(Binomial(n, 1 - percentile) <= t) <= 1 - c.
#pragma once

#include <cstdint>
#include <optional>

namespace beralih {

struct Claim {
  double percentile = 0.99;
  double confidence = 0.99;
};

/// P(Binomial(n, p) <= t), in logarithms, so that it holds for millions of requests.
double binomial_at_most(uint64_t n, double p, uint64_t t);

bool claim_holds(const Claim& claim, uint64_t requests, uint64_t over_limit);

/// How many of `requests` may be over the limit; nothing if they are too few to claim anything.
std::optional<uint64_t> most_over_limit(const Claim& claim, uint64_t requests);

/// The fewest requests with which the claim can hold when `over_limit` of them are over.
uint64_t fewest_requests(const Claim& claim, uint64_t over_limit);

}  // namespace beralih
