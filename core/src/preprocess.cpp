#include "beralih/preprocess.h"

#include <string>
#include <utility>

#include "beralih/resize.h"
#include "memory.h"
#include "message.h"
#include "preprocess_rows.h"
#include "stopwatch.h"
#include "workspace_buffers.h"

namespace beralih {

// An extreme aspect ratio makes a resized image far larger than its source: 1 x 89,000,000 pixels
// to a shorter side of 256 would be 5.8 TB.
Status check_resized(Size from, Size to, int64_t max_pixels) {
  // The weights of one axis are as many as its source pixels, several times over. No JPEG, GIF or
  // WebP reaches this.
  constexpr int kLongestSide = 1 << 20;
  const bool too_long = (from.width != to.width && from.width > kLongestSide) ||
                        (from.height != to.height && from.height > kLongestSide);
  if (too_long) {
    return error_of(ErrorCode::kImageTooLarge, "resizing ",
                    {from.width, " x ", from.height, " pixels: the limit of a side is ",
                     kLongestSide, "; crop the image first"});
  }
  if (to.width <= max_pixels / to.height) return Ok{};
  return error_of(ErrorCode::kImageTooLarge, "resizing ",
                  {from.width, " x ", from.height, " would make ", to.width, " x ", to.height,
                   " pixels, the limit is ", max_pixels, " in all; crop the image first"});
}

namespace {

// Stage after stage: every format, and whoever wants to see the pixels between them.
Status preprocess_stages(std::span<const uint8_t> bytes, const PreprocessSpec& spec,
                         int64_t max_pixels, PreprocessResult& result, PreprocessTrace* trace,
                         Image& cropped) {
  Stopwatch stopwatch;
  auto decoded = decode(bytes, {spec.exif, spec.gray16, max_pixels}, &result.header);
  if (!decoded) return decoded.error();
  Image image = std::move(*decoded);
  result.oriented = {image.height, image.width};
  result.timings.decode_ms = stopwatch.lap_ms();
  if (trace != nullptr) trace->decoded = image;

  stopwatch.lap_ms();  // the trace's copy is not part of any stage
  const Size size = resized_size(result.oriented, spec);
  if (const auto status = check_resized(result.oriented, size, max_pixels); !status) {
    return status.error();
  }
  auto resized = resize_and_crop(image, size, spec.resize_filter, spec.center_crop, spec.pad_value);
  if (!resized) return resized.error();
  cropped = *std::move(resized);
  result.timings.resize_ms = stopwatch.lap_ms();
  return Ok{};
}

}  // namespace

Workspace::Workspace() : buffers_(std::make_unique<Buffers>()) {}
Workspace::~Workspace() = default;
Workspace::Workspace(Workspace&&) noexcept = default;
Workspace& Workspace::operator=(Workspace&&) noexcept = default;

namespace {

Status preprocess_all(PreprocessResult& result, Workspace::Buffers& buffers,
                      std::span<const uint8_t> bytes, const PreprocessSpec& spec,
                      int64_t max_pixels, PreprocessTrace* trace) {
  result.header = {};
  result.timings = {};
  bool streamed = false;
  if (trace == nullptr) {
    const auto status = preprocess_rows(bytes, spec, max_pixels, result, buffers);
    if (!status) return status.error();
    streamed = *status;
  }
  if (!streamed) {
    const auto status = preprocess_stages(bytes, spec, max_pixels, result, trace, buffers.cropped);
    if (!status) return status.error();
  }
  Stopwatch stopwatch;
  normalize_into(result.tensor, buffers.cropped, spec);
  result.timings.normalize_ms = stopwatch.lap_ms();
  if (trace != nullptr) trace->cropped = buffers.cropped;
  return Ok{};
}

}  // namespace

Status preprocess_into(PreprocessResult& result, Workspace& workspace,
                       std::span<const uint8_t> bytes, const PreprocessSpec& spec,
                       int64_t max_pixels, PreprocessTrace* trace) {
  if (const auto status = validate(spec); !status) return status.error();
  return with_memory<Ok>(
      [&] { return preprocess_all(result, workspace.buffers(), bytes, spec, max_pixels, trace); });
}

Result<PreprocessResult> preprocess(std::span<const uint8_t> bytes, const PreprocessSpec& spec,
                                    int64_t max_pixels, PreprocessTrace* trace) {
  return with_memory<PreprocessResult>([&]() -> Result<PreprocessResult> {
    Workspace workspace;
    PreprocessResult result;
    const auto status = preprocess_into(result, workspace, bytes, spec, max_pixels, trace);
    if (!status) return status.error();
    return result;
  });
}

}  // namespace beralih
