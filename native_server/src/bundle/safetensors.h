// The safetensors format: 8 bytes header length (little-endian), a JSON header, then the tensors'
// data. Every number that comes from the file is checked before it becomes a pointer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "beralih/result.h"

namespace beralih {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;  ///< "F32", "BF16", "I64", …
  std::vector<int64_t> shape;
  std::span<const uint8_t> bytes;  ///< into the file, aligned to the element size
};

/// Bytes per element of a safetensors dtype; 0 for one that is not known.
size_t safetensors_element_size(std::string_view dtype);

/// Entries in the order of their data, pointing into `file`, which must outlive them. The data must
/// be covered completely and without overlap, as the format demands. `file_name` is for the
/// messages. Errors: kInvalidBundle.
Result<std::vector<SafetensorsEntry>> parse_safetensors(std::span<const uint8_t> file,
                                                        std::string_view file_name);

}  // namespace beralih
