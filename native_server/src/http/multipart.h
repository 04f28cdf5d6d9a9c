// multipart/form-data (RFC 7578), read strictly: the files of a form, each of them an image. No
// copies: what it returns points into the body.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "beralih/result.h"

namespace beralih {

struct FormPart {
  std::string name;      ///< of the form's field
  std::string filename;  ///< as the client knows it; may be empty
  std::string_view content;
};

struct MultipartLimits {
  size_t parts = 64;
  size_t head_bytes = 8192;  ///< the headers of one part
};

/// `content_type` is the whole header. Errors: kInvalidArgument, which say what is wrong at which
/// byte of the body or in which part; a part that is not a file is one of them.
Result<std::vector<FormPart>> parse_multipart(std::string_view body, std::string_view content_type,
                                              const MultipartLimits& limits = {});

}  // namespace beralih
