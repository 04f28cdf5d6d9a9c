#include "beralih/preprocess.h"

#include <optional>
#include <string>

#include "beralih/resize.h"
#include "memory.h"
#include "preprocess_rows.h"
#include "stopwatch.h"

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
    return Error{ErrorCode::kImageTooLarge,
                 "resizing " + std::to_string(from.width) + " x " + std::to_string(from.height) +
                     " pixels: the limit of a side is " + std::to_string(kLongestSide) +
                     "; crop the image first"};
  }
  if (to.width <= max_pixels / to.height) return Ok{};
  return Error{ErrorCode::kImageTooLarge,
               "resizing " + std::to_string(from.width) + " x " + std::to_string(from.height) +
                   " would make " + std::to_string(to.width) + " x " + std::to_string(to.height) +
                   " pixels, the limit is " + std::to_string(max_pixels) +
                   " in all; crop the image first"};
}

namespace {

// Stage after stage: every format, and whoever wants to see the pixels between them.
Result<Image> preprocess_stages(std::span<const uint8_t> bytes, const PreprocessSpec& spec,
                                int64_t max_pixels, PreprocessResult& result,
                                PreprocessTrace* trace) {
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
  result.timings.resize_ms = stopwatch.lap_ms();
  return resized;
}

}  // namespace

namespace {

Result<PreprocessResult> preprocess_all(std::span<const uint8_t> bytes, const PreprocessSpec& spec,
                                        int64_t max_pixels, PreprocessTrace* trace) {
  PreprocessResult result;
  std::optional<Image> cropped;
  if (trace == nullptr) {
    auto streamed = preprocess_rows(bytes, spec, max_pixels, result);
    if (!streamed) return streamed.error();
    cropped = std::move(*streamed);
  }
  if (!cropped) {
    auto staged = preprocess_stages(bytes, spec, max_pixels, result, trace);
    if (!staged) return staged.error();
    cropped = std::move(*staged);
  }
  Stopwatch stopwatch;
  result.tensor = normalize(*cropped, spec);
  result.timings.normalize_ms = stopwatch.lap_ms();
  if (trace != nullptr) trace->cropped = std::move(*cropped);
  return result;
}

}  // namespace

Result<PreprocessResult> preprocess(std::span<const uint8_t> bytes, const PreprocessSpec& spec,
                                    int64_t max_pixels, PreprocessTrace* trace) {
  if (const auto status = validate(spec); !status) return status.error();
  return with_memory<PreprocessResult>(
      [&] { return preprocess_all(bytes, spec, max_pixels, trace); });
}

}  // namespace beralih
