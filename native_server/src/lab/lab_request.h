// What is asked of the lab: which experiment, with which numbers, all within bounds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "beralih/result.h"
#include "engine/on_demand_model.h"

namespace beralih {

enum class LabExperiment { kWhenToLoad, kFailure, kChallenge, kPythonOrCpp };
enum class LabFault { kKill, kStall };

struct LabRequest {
  LabExperiment experiment = LabExperiment::kWhenToLoad;
  int requests = 8;  ///< when-to-load: of each policy; python-or-cpp: one at a time, of each
  double rate = 0;   ///< a second; 0: what the experiment finds fitting
  double seconds = 0;
  uint64_t seed = 1;
  LabFault fault = LabFault::kKill;
  // challenge
  bool own_server = false;  ///< the server that was asked, instead of children by the plan
  LoadPolicy loading = LoadPolicy::kAtStart;
  int batching = 1;
  int replicas = 1;
};

std::string_view experiment_name(LabExperiment experiment);
std::string_view policy_name(LoadPolicy policy);

/// Errors: kInvalidArgument, which names the member.
Result<LabRequest> parse_lab_request(std::string_view json);

}  // namespace beralih
