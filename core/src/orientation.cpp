// Turning and mirroring, as Pillow's ImageOps.exif_transpose (ImageOps.py 715).
#include <algorithm>
#include <optional>

#include "beralih/decode.h"

namespace beralih {

namespace {

// Where pixel (x, y) of the oriented image comes from in the stored one.
struct OrientationMap {
  bool transposed;
  bool flip_x;
  bool flip_y;
};

std::optional<OrientationMap> orientation_map(int orientation) {
  switch (orientation) {
    case 2: return OrientationMap{false, true, false};
    case 3: return OrientationMap{false, true, true};
    case 4: return OrientationMap{false, false, true};
    case 5: return OrientationMap{true, false, false};
    case 6: return OrientationMap{true, false, true};
    case 7: return OrientationMap{true, true, true};
    case 8: return OrientationMap{true, true, false};
    default: return std::nullopt;
  }
}

}  // namespace

Image apply_orientation(Image image, int orientation) {
  const auto map = orientation_map(orientation);
  if (!map) return image;
  Image out = map->transposed ? Image::allocate(image.width, image.height)
                              : Image::allocate(image.height, image.width);
  for (int y = 0; y < out.height; ++y) {
    uint8_t* to = out.row(y);
    for (int x = 0; x < out.width; ++x, to += 3) {
      int from_x = map->transposed ? y : x;
      int from_y = map->transposed ? x : y;
      if (map->flip_x) from_x = image.width - 1 - from_x;
      if (map->flip_y) from_y = image.height - 1 - from_y;
      std::copy_n(image.row(from_y) + static_cast<size_t>(from_x) * 3, 3, to);
    }
  }
  return out;
}

}  // namespace beralih
