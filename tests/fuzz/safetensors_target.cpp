// A weights file: errors, or tensors that lie inside it.
#include "bundle/safetensors.h"

#include "fuzz/targets.h"

namespace beralih::fuzz {

std::string safetensors(std::span<const uint8_t> input) {
  const auto parsed = parse_safetensors(input, "weights.safetensors");
  if (!parsed) {
    const Error& error = parsed.error();
    if (error.code != ErrorCode::kInvalidBundle) return "an undocumented code: " + error.message;
    return error.message.starts_with("weights.safetensors: ") ? "" : "unnamed: " + error.message;
  }
  const uint8_t* const end = input.data() + input.size();
  const uint8_t* next = nullptr;
  for (const SafetensorsEntry& entry : *parsed) {
    const uint8_t* const data = entry.bytes.data();
    if (data < input.data() || data > end) return "a tensor starts outside the file";
    if (entry.bytes.size() > static_cast<size_t>(end - data)) return "a tensor ends outside it";
    if (next != nullptr && data != next) return "the tensors do not follow each other";
    next = data + entry.bytes.size();
    uint64_t elements = 1;
    for (const int64_t extent : entry.shape) elements *= static_cast<uint64_t>(extent);
    if (elements * safetensors_element_size(entry.dtype) != entry.bytes.size()) {
      return "a tensor's shape does not fit its bytes";
    }
  }
  if (!parsed->empty() && next != end) return "the tensors do not cover the file";
  return {};
}

}  // namespace beralih::fuzz
