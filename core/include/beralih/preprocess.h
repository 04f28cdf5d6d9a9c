// The whole way from an encoded image to the network's input tensor.
#pragma once

#include <cstdint>
#include <span>

#include "beralih/decode.h"
#include "beralih/image.h"
#include "beralih/preprocess_spec.h"
#include "beralih/result.h"
#include "beralih/tensor.h"

namespace beralih {

/// Wall-clock milliseconds per stage.
struct PreprocessTimings {
  double decode_ms = 0;
  double resize_ms = 0;  ///< resize and crop
  double normalize_ms = 0;
};

struct PreprocessResult {
  ImageHeader header;
  Size oriented;  ///< of the decoded image after orientation
  Tensor tensor;  ///< batch of 1
  PreprocessTimings timings;
};

/// Pixels that the stages produced on the way, for inspection and hashing; owned by the caller.
struct PreprocessTrace {
  Image decoded;  ///< oriented, full size
  Image cropped;  ///< resized and cropped, before normalising
};

/// `trace`, where given, receives copies of the intermediate pixels. Thread-safe, no global state.
/// Errors: those of decode() and kInvalidArgument where the spec does not fit the image.
Result<PreprocessResult> preprocess(std::span<const uint8_t> bytes, const PreprocessSpec& spec,
                                    int64_t max_pixels = kDefaultMaxPixels,
                                    PreprocessTrace* trace = nullptr);

/// Pixels to tensor by table: every byte has one float per channel (torchvision
/// functional_tensor.py 101, 940), each step rounded to float32.
Tensor normalize(const Image& image, const PreprocessSpec& spec);

/// The 3 x 256 floats that `normalize` looks up, in the spec's channel order.
std::array<std::array<float, 256>, 3> normalization_table(const PreprocessSpec& spec);

}  // namespace beralih
