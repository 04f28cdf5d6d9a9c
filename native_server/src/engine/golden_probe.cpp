#include "engine/golden_probe.h"

#include <utility>

#include "beralih/prediction.h"
#include "beralih/preprocess.h"
#include "bundle/golden_check.h"

namespace beralih {

Result<std::vector<Tensor>> golden_tensors(const Bundle& bundle, size_t at_most) {
  std::vector<Tensor> tensors;
  for (const GoldenCase& golden : bundle.contract().golden) {
    if (tensors.size() == at_most) break;
    const auto file = bundle.files.find(golden.image);
    if (file == bundle.files.end()) {
      return Error{ErrorCode::kInvalidBundle,
                   golden.image + ": the golden case's image is not in the bundle"};
    }
    auto prepared = preprocess(file->second->bytes(), bundle.contract().preprocessing);
    if (!prepared) return prepared.error();
    tensors.push_back(std::move(prepared->tensor));
  }
  return tensors;
}

Status reproduces_golden(InferenceEngine& engine, const Contract& contract,
                         const std::vector<Tensor>& tensors, const std::string& dtype) {
  const double tolerance = allowed_difference(contract.tolerance, dtype);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto rows = engine.infer(std::span(&tensors[i], 1));
    if (!rows) return rows.error();
    const GoldenCase& golden = contract.golden[i];
    const std::vector<double> probabilities = softmax(rows->front());
    const auto outcome = compare_golden(golden, golden.tensor_sha256,
                                        top_k(probabilities, probabilities.size()), tolerance);
    if (!outcome.problem.empty())
      return Error{ErrorCode::kInvalidBundle, golden.image + ": " + outcome.problem};
  }
  return Ok{};
}

}  // namespace beralih
