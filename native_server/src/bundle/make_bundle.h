// From the files of a research result to a bundle with golden cases.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "beralih/contract.h"
#include "beralih/result.h"
#include "bundle/bundle.h"
#include "bundle/byte_progress.h"
#include "engine/inference_engine.h"

namespace beralih {

struct BundleInputs {
  std::string name;
  std::string version;
  std::string description;
  PreprocessSpec preprocessing;
  Tolerance tolerance;
  Provenance provenance;
  std::filesystem::path labels;
  std::filesystem::path model;                ///< a whole TorchScript file, or
  std::filesystem::path architecture;         ///< a TorchScript file without weights
  std::filesystem::path weights;              ///< and its weights
  std::filesystem::path edge_model;           ///< may be empty
  std::filesystem::path probabilities;        ///< see read_research_results(); may be empty
  std::vector<std::filesystem::path> images;  ///< one golden case each
};

using MakeBundleEngine =
    std::function<Result<std::unique_ptr<InferenceEngine>>(const Bundle& bundle)>;

/// Bytes that make_bundle() will report as progress. A file that is missing counts as none.
int64_t input_bytes(const BundleInputs& inputs);

/// Copies the inputs into `directory`, computes the golden tensors with the core, takes the
/// probabilities from the research side or computes them with the engine, and writes the contract.
/// The engine must reproduce the research side's probabilities. The same inputs make the same
/// bytes. Errors: kIo, kInvalidArgument, kInvalidBundle, kUnavailable (stopped by `progress`).
Result<VerifiedContract> make_bundle(const BundleInputs& inputs,
                                     const std::filesystem::path& directory,
                                     const MakeBundleEngine& make_engine,
                                     const BundleProgress& progress);

}  // namespace beralih
