// How `beralih serve` runs the lesson's experiments, and the wrong ways to load that they show.
#pragma once

#include <memory>

#include "cli/serve_flags.h"
#include "engine/model_host.h"
#include "http/serving_state.h"
#include "lab/lab.h"

namespace beralih {

/// nullptr without --lab. Errors: kInvalidArgument where the host is not this machine alone, or the
/// peer's address is not one.
Result<std::shared_ptr<Lab>> make_lab(const ServeFlags& flags);

/// Ready without a model, for --load first-request and per-request. `flags` must outlive `state`.
void load_on_demand(ServingState& state, const ModelHostOptions& host, const ServeFlags& flags);

}  // namespace beralih
