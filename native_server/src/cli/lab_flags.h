// The options of `beralih serve` that belong to the lesson's experiments.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "engine/on_demand_model.h"

namespace beralih {

struct LabFlags {
  bool on = false;
  std::string peer;  ///< URL; empty: none
  LoadPolicy policy = LoadPolicy::kAtStart;
};

/// `flags` must outlive the command line.
void add_lab_flags(CLI::App& command, LabFlags& flags);

}  // namespace beralih
