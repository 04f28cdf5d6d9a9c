#include "bundle/golden_check.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace beralih {
namespace {

std::optional<std::string> compare_class(const GoldenProbability& expected,
                                         std::span<const Prediction> all, double tolerance,
                                         double& max_difference) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Prediction& p) { return p.index == expected.index; });
  if (found == all.end()) return "the network has no class " + std::to_string(expected.index);
  const double difference = std::abs(found->probability - expected.probability);
  if (std::isnan(difference) || difference > max_difference) max_difference = difference;
  // Written so that a NaN fails.
  if (difference <= tolerance) return std::nullopt;
  return "class " + std::to_string(expected.index) + " has the probability " +
         std::to_string(found->probability) + ", the contract says " +
         std::to_string(expected.probability) + " within " + std::to_string(tolerance);
}

std::optional<std::string> compare_winner(const GoldenCase& golden, std::span<const Prediction> all,
                                          double tolerance) {
  if (golden.top5.empty() || all.front().index == golden.top5.front().index) return std::nullopt;
  // Two classes closer than twice the tolerance may change places.
  const bool clear_winner =
      golden.top5.size() < 2 ||
      golden.top5[0].probability - golden.top5[1].probability >= 2 * tolerance;
  if (!clear_winner) return std::nullopt;
  return "the most probable class is " + std::to_string(all.front().index) +
         ", the contract says " + std::to_string(golden.top5.front().index);
}

}  // namespace

double allowed_difference(const Tolerance& tolerance, std::string_view dtype) {
  // fp16 has more digits than bf16, so what is allowed there is more than enough.
  return dtype == "fp32" ? tolerance.fp32 : tolerance.bf16;
}

GoldenOutcome compare_golden(const GoldenCase& golden, std::string_view tensor_sha256,
                             std::span<const Prediction> all, double tolerance) {
  GoldenOutcome outcome;
  outcome.tensor_equal = tensor_sha256 == golden.tensor_sha256;
  if (!outcome.tensor_equal) {
    outcome.problem = "the tensor's SHA-256 is " + std::string(tensor_sha256) +
                      ", the contract says " + golden.tensor_sha256 +
                      "; this build preprocesses differently";
  }
  std::optional<std::string> problem;
  for (const GoldenProbability& expected : golden.top5) {
    auto found = compare_class(expected, all, tolerance, outcome.max_difference);
    if (found && !problem) problem = std::move(found);
  }
  if (!problem) problem = compare_winner(golden, all, tolerance);
  if (problem && outcome.problem.empty()) outcome.problem = *std::move(problem);
  return outcome;
}

}  // namespace beralih
