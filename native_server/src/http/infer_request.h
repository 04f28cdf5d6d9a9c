// The Open Inference Protocol's inference request: JSON, with tensors in it or, by the binary
// tensor extension, behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "beralih/result.h"

namespace beralih {

using Json = nlohmann::ordered_json;

struct InferInput {
  std::string name;
  std::string datatype;
  std::vector<int64_t> shape;
  Json parameters;
  // One of the three holds the elements, row-major:
  std::vector<double> numbers;       ///< from JSON
  std::vector<std::string> strings;  ///< from JSON, as they stand there
  std::span<const uint8_t> binary;   ///< into the body
  bool is_binary = false;
  bool is_raw = false;  ///< the whole body: one BYTES element without its length in front
};

struct RequestedOutput {
  std::string name;
  Json parameters;
  bool binary = false;
  size_t classes = 0;  ///< of the classification parameter; 0: the tensor itself
};

struct InferRequest {
  std::string id;
  Json parameters;  ///< null where there are none
  std::vector<InferInput> inputs;
  std::vector<RequestedOutput> outputs;  ///< empty: all
  bool binary_output = false;            ///< binary_data_output
  std::optional<uint64_t> timeout_us;
};

/// `json_bytes`: the value of Inference-Header-Content-Length; without it the whole body is JSON.
/// The request refers to `body`. Errors: kInvalidArgument, which name the member.
Result<InferRequest> parse_infer_request(std::span<const uint8_t> body,
                                         std::optional<size_t> json_bytes);

}  // namespace beralih
