#include "beralih/preprocess.h"

#include <chrono>
#include <string>

#include "beralih/resize.h"

namespace beralih {

namespace {

class Stopwatch {
 public:
  /// Milliseconds since construction or the last call.
  double lap_ms() {
    const auto now = Clock::now();
    const double ms = std::chrono::duration<double, std::milli>(now - start_).count();
    start_ = now;
    return ms;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

// An extreme aspect ratio makes a resized image far larger than its source: 1 x 89,000,000 pixels
// to a shorter side of 256 would be 5.8 TB.
Status check_resized(Size from, Size to, int64_t max_pixels) {
  if (to.width <= max_pixels / to.height) return Ok{};
  return Error{ErrorCode::kImageTooLarge,
               "resizing " + std::to_string(from.width) + " x " + std::to_string(from.height) +
                   " would make " + std::to_string(to.width) + " x " + std::to_string(to.height) +
                   " pixels, the limit is " + std::to_string(max_pixels) +
                   " in all; crop the image first"};
}

}  // namespace

Result<PreprocessResult> preprocess(std::span<const uint8_t> bytes, const PreprocessSpec& spec,
                                    int64_t max_pixels, PreprocessTrace* trace) {
  if (const auto status = validate(spec); !status) return status.error();
  PreprocessResult result;
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
  image = std::move(*resized);
  result.timings.resize_ms = stopwatch.lap_ms();

  result.tensor = normalize(image, spec);
  result.timings.normalize_ms = stopwatch.lap_ms();
  if (trace != nullptr) trace->cropped = std::move(image);
  return result;
}

}  // namespace beralih
