#include "engine/inference_engine.h"

namespace beralih {

Status InferenceEngine::begin(std::span<const Tensor>, size_t) {
  return Error{ErrorCode::kInternal, "this engine runs one batch at a time"};
}

Result<LogitRows> InferenceEngine::finish() {
  return Error{ErrorCode::kInternal, "this engine runs one batch at a time"};
}

}  // namespace beralih
