// --preset, --spec and --set: which preprocessing a command means.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "beralih/preprocess_spec.h"
#include "beralih/result.h"

namespace beralih {

struct PreprocessingFlags {
  std::string preset_name;
  std::string spec_file;
  std::vector<std::string> settings;
};

/// The options --preset and --spec go to `source`, which may be a group of `command`.
void add_preprocessing_flags(CLI::App& command, CLI::App& source, PreprocessingFlags& flags);

/// The preset or the file; nullopt where neither is named. Errors: kIo, kInvalidArgument,
/// kInvalidContract.
Result<std::optional<PreprocessSpec>> named_spec(const PreprocessingFlags& flags);

/// Applies --set and checks the result.
Result<PreprocessSpec> with_settings(PreprocessSpec spec, const PreprocessingFlags& flags);

}  // namespace beralih
