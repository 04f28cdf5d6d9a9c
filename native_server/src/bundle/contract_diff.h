// What differs between two contracts, and what the difference changes.
#pragma once

#include <string>
#include <vector>

#include "beralih/contract.h"

namespace beralih {

enum class Impact {
  kPreprocessing,    ///< other tensors, or another meaning of the classes: the preprocessing_hash
  kPredictions,      ///< the network or its weights
  kPagePredictions,  ///< the network that the page runs
  kChecks,           ///< what verify demands
  kMetadata,         ///< words only
};

/// "changes preprocessing", …
std::string_view impact_words(Impact impact);

struct ContractDifference {
  std::string field;  ///< e.g. "preprocessing.image_mean", "files.weights"
  std::string first;  ///< value as JSON text, empty where the field is absent
  std::string second;
  Impact impact = Impact::kMetadata;
};

/// In the contract's order. Files are matched by role and name, golden cases by image.
std::vector<ContractDifference> diff_contracts(const Contract& first, const Contract& second);

}  // namespace beralih
