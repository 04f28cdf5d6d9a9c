// Pillow's resampling, bit for bit (libImaging/Resample.c; Image.py for nearest), on pixels in
// memory. Sizes are in pixels. Thread-safe; results are the caller's; std::bad_alloc passes.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "beralih/image.h"
#include "beralih/preprocess_spec.h"
#include "beralih/result.h"

namespace beralih {

/// Weights of one axis in 22-bit fixed point (Resample.c 183-283, 307-320).
struct ResampleWeights {
  struct Window {
    int first;  ///< first input index
    int count;  ///< number of inputs
  };
  std::vector<Window> windows;   ///< one per output index
  int window_size = 0;           ///< room per output index in `weights`
  std::vector<int32_t> weights;  ///< windows.size() x window_size, zero-filled behind `count`
};

/// Not for kNearest. in_size, out_size >= 1.
ResampleWeights resample_weights(int in_size, int out_size, ResizeFilter filter);

/// The size that the spec's resize gives an image (torchvision functional.py 371: floor of the long
/// side).
Size resized_size(Size image, const PreprocessSpec& spec);

/// Errors: kInvalidArgument for a size below 1.
Result<Image> resize(const Image& image, Size size, ResizeFilter filter);

/// torchvision's CenterCrop (functional.py 560-596): offset round-half-even((h - c) / 2), padded
/// with pad_value where the image is smaller.
Image center_crop(const Image& image, Size size, std::array<uint8_t, 3> pad_value);

/// center_crop(resize(image, size, filter), *crop, pad_value), without the pixels that the crop
/// would drop; only resize() where there is no crop.
Result<Image> resize_and_crop(const Image& image, Size size, ResizeFilter filter,
                              std::optional<Size> crop, std::array<uint8_t, 3> pad_value);

}  // namespace beralih
