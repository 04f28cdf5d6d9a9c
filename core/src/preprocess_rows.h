// Decoding and resizing at once, without the whole image in memory.
#pragma once

#include <optional>
#include <span>

#include "beralih/preprocess.h"

namespace beralih {

/// Whether a resized image of this size may be made.
Status check_resized(Size from, Size to, int64_t max_pixels);

/// The resized and cropped pixels; fills `result` up to the resize. nullopt where the stages must
/// run one after the other; the pixels and the errors are the same either way.
Result<std::optional<Image>> preprocess_rows(std::span<const uint8_t> bytes,
                                             const PreprocessSpec& spec, int64_t max_pixels,
                                             PreprocessResult& result);

}  // namespace beralih
