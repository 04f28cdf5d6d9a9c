// An inference answer: JSON, with tensors in it or, by the binary tensor extension, behind it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "engine/classifier.h"
#include "http/infer_request.h"

namespace beralih {

struct InferResponse {
  std::string body;
  std::optional<size_t> json_bytes;  ///< for Inference-Header-Content-Length; absent: JSON alone
};

/// `request.outputs` must name outputs of the model, or be empty.
InferResponse infer_response(const InferRequest& request, const BatchOutcome& outcome,
                             const Bundle& bundle);

}  // namespace beralih
