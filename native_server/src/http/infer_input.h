// From an inference request's input to what the network takes. Three forms are accepted under the
// name of the contract's input:
//   the contract's own datatype and shape: the tensor as the client preprocessed it;
//   UINT8 [N, height, width, 3]: the RGB pixels of the crop, which the server normalises;
//   BYTES [N] or [N, 1]: encoded images, which the server preprocesses whole.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "beralih/contract.h"
#include "engine/classifier.h"
#include "http/infer_request.h"

namespace beralih {

/// The batch that a request asks for. `input` keeps the decoded images that the items refer to.
/// Errors: kInvalidArgument, which say what the input takes.
Result<std::vector<BatchItem>> batch_of(InferInput& input, const Contract& contract);

/// A body without JSON in front (Inference-Header-Content-Length: 0) as the request that it stands
/// for: an image if `content_type` is image/…, or if the body is no whole number of tensors.
InferRequest raw_infer_request(std::span<const uint8_t> body, std::string_view content_type,
                               const Contract& contract);

}  // namespace beralih
