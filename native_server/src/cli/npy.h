// NumPy's .npy format, version 1.0, C order.
#pragma once

#include <filesystem>
#include <string>

#include "beralih/result.h"
#include "beralih/tensor.h"

namespace beralih {

/// The header that precedes the tensor's bytes, padded to a multiple of 64.
std::string npy_header(const Tensor& tensor);

/// Writes beside the target and renames: nothing half-written is left. Errors: kIo.
Status write_npy(const std::filesystem::path& path, const Tensor& tensor);

}  // namespace beralih
