// What the experiments send, and what they tell about it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lab/lab.h"

namespace beralih {

/// A load that has been held.
struct HeldLoad {
  LoadTestRecord record;
  std::vector<LoadSample> samples;
  std::chrono::steady_clock::time_point start;
  bool holds = false;  ///< nothing refused or failed, and at most 1 % over the limit
};

struct LoadStep {
  std::string phase;  ///< the samples' name in the events
  double rate = 1;
  double seconds = 1;
  uint64_t seed = 1;
};

/// Sends the step's requests; its samples become events of type "samples" as they come.
HeldLoad hold(const LabContext& context, const std::vector<LoadTarget>& targets,
              const LoadStep& step);

/// The load's figures: counts, p50, p99, holds, verdict.
nlohmann::ordered_json figures(const HeldLoad& load, const LoadStep& step);

/// The median of a few requests, one at a time, without the first. Errors: kIo where one fails.
Result<double> time_single(const LabContext& context, const LoadTarget& target);

/// The highest rate that holds, searched by steps, each told as an event; nothing: none does.
std::optional<double> find_rate(const LabContext& context, const std::vector<LoadTarget>& targets,
                                double single_ms);

inline constexpr double kBudgetMs = 50;

Error stopped();

}  // namespace beralih
