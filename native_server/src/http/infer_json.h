// Reads an inference request's JSON. Tensor elements go into flat vectors as they are met: as JSON
// values they would take many times the memory of the body.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/infer_request.h"

namespace beralih {

/// The `data` of one input.
struct JsonElements {
  std::vector<double> numbers;
  std::vector<std::string> strings;
  std::vector<int64_t>
      nesting;  ///< elements per level where the arrays are nested; one level: flat
  bool present = false;
};

struct InferJson {
  Json document;                   ///< with null in the place of every `data`
  std::vector<JsonElements> data;  ///< one per member of `inputs`
};

/// Errors: kInvalidArgument with the place.
Result<InferJson> read_infer_json(std::string_view text);

}  // namespace beralih
