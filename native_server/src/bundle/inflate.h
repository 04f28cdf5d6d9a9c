// Raw deflate data, as in zip archives.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "beralih/result.h"

namespace beralih {

/// Exactly `size` bytes, or kInvalidBundle.
Result<std::string> inflate_raw(std::span<const uint8_t> data, uint64_t size);

}  // namespace beralih
