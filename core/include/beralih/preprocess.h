// The whole way from an encoded image to the network's input tensor.
#pragma once

#include <cstdint>
#include <memory>
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
  ImageHeader header;  ///< of the file, before orientation
  Size oriented;       ///< of the decoded image after orientation
  Tensor tensor;       ///< batch of 1
  PreprocessTimings timings;
};

/// Pixels that the stages produced on the way, for inspection and hashing; owned by the caller.
struct PreprocessTrace {
  Image decoded;  ///< oriented, full size
  Image cropped;  ///< resized and cropped, before normalising
};

/// `bytes` is the whole file and is not kept. The tensor is [1, 3, H, W] (NCHW) or [1, H, W, 3]
/// (NHWC), float32 or uint8, as the spec says. `max_pixels` limits the decoded and the resized
/// image. `trace`, where given, receives copies of the intermediate pixels; the result is the same.
/// Thread-safe, throws nothing. Errors: those of decode(), and kInvalidArgument where the spec's
/// knobs do not make sense together.
Result<PreprocessResult> preprocess(std::span<const uint8_t> bytes, const PreprocessSpec& spec,
                                    int64_t max_pixels = kDefaultMaxPixels,
                                    PreprocessTrace* trace = nullptr);

/// The memory that preprocessing works in, kept from call to call: for images of one kind and size
/// every call after the first allocates next to nothing. It grows with the largest image (about
/// 0.5 MB for 12 megapixels; whole images are not kept) until it is destroyed. For one call at a
/// time: each thread has its own. No result points into it.
class Workspace {
 public:
  Workspace();
  ~Workspace();
  Workspace(Workspace&&) noexcept;
  Workspace& operator=(Workspace&&) noexcept;

  struct Buffers;  // workspace_buffers.h, for the core itself
  Buffers& buffers() { return *buffers_; }

 private:
  std::unique_ptr<Buffers> buffers_;  // never null, but after a move
};

/// preprocess() with memory that the caller keeps: `workspace`, and that of the tensor which
/// `result` holds from an earlier call. After an error `result` may hold parts of both calls.
Status preprocess_into(PreprocessResult& result, Workspace& workspace,
                       std::span<const uint8_t> bytes, const PreprocessSpec& spec,
                       int64_t max_pixels = kDefaultMaxPixels, PreprocessTrace* trace = nullptr);

/// Pixels to tensor by table: every byte has one float per channel (torchvision
/// functional_tensor.py 101, 940), each step rounded to float32.
Tensor normalize(const Image& image, const PreprocessSpec& spec);

/// The same into a tensor whose memory is used again.
void normalize_into(Tensor& tensor, const Image& image, const PreprocessSpec& spec);

/// The 3 x 256 floats that `normalize` looks up, in the spec's channel order.
std::array<std::array<float, 256>, 3> normalization_table(const PreprocessSpec& spec);

}  // namespace beralih
