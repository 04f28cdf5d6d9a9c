// Decoding and resizing at once, without the whole image in memory.
#pragma once

#include <span>

#include "beralih/preprocess.h"
#include "workspace_buffers.h"

namespace beralih {

/// Whether a resized image of this size may be made.
Status check_resized(Size from, Size to, int64_t max_pixels);

/// Leaves the resized and cropped pixels in `buffers.cropped` and fills `result` up to the resize.
/// False where the stages must run one after the other; the pixels and the errors are the same
/// either way.
Result<bool> preprocess_rows(std::span<const uint8_t> bytes, const PreprocessSpec& spec,
                             int64_t max_pixels, PreprocessResult& result,
                             Workspace::Buffers& buffers);

}  // namespace beralih
