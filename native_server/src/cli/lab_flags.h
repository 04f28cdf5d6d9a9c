// The flags of `beralih serve` that belong to the lesson's experiments, and what follows from them.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "engine/on_demand_model.h"
#include "lab/lab.h"

namespace beralih {

struct LabFlags {
  bool lab = false;
  std::string peer;  ///< URL; empty: none
  LoadPolicy policy = LoadPolicy::kAtStart;
};

/// `flags` must outlive the command line.
void add_lab_flags(CLI::App& command, LabFlags& flags);

/// nullptr without --lab. Errors: kInvalidArgument where `host` is not this machine alone, or the
/// peer's address is not one.
Result<std::shared_ptr<Lab>> make_lab(const LabFlags& flags, const std::string& host,
                                      std::vector<std::string> child_arguments, int threads);

}  // namespace beralih
