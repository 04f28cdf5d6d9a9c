// The probabilities that the research side computed for sample images, as a JSON file.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "beralih/contract.h"
#include "beralih/result.h"

namespace beralih {

struct ResearchCase {
  std::optional<std::string> tensor_sha256;  ///< of the research side's input tensor
  std::vector<GoldenProbability> top;        ///< most probable first, at most five
};

struct ResearchResults {
  std::string source;  ///< in words, e.g. "torchvision 0.14.1, float32"; may be empty
  std::map<std::string, ResearchCase, std::less<>> cases;  ///< by the image's file name
};

/// {"source": "…", "golden": [{"image": "dog.jpg", "tensor_sha256": "…", then either
/// "top5": [{"index": 263, "probability": 0.82}, …] or "probabilities": [one for each class]}]}.
/// `source` and `tensor_sha256` may be absent; a contract.json is such a file.
/// Errors: kIo, kInvalidArgument.
Result<ResearchResults> read_research_results(const std::filesystem::path& path, size_t classes);

/// The five most probable, rounded to six decimals.
std::vector<GoldenProbability> top_five(std::vector<GoldenProbability> all);

}  // namespace beralih
