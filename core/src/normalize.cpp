#include <algorithm>

#include "beralih/preprocess.h"

namespace beralih {

namespace {

// Each operation rounds to float32 once, as numpy and torch do elementwise; folding them into
// a*x+b would change 562 of the 768 entries of the ImageNet table.
float normalized(int byte, const PreprocessSpec& spec, size_t channel) {
  float value = static_cast<float>(byte);
  if (spec.value_range == ValueRange::kZeroToOne) {
    value = spec.rescale == Rescale::kDivide
                ? static_cast<float>(byte) / 255.0f
                : static_cast<float>(static_cast<double>(byte) * (1.0 / 255.0));
  }
  value = value - spec.image_mean[channel];
  return value / spec.image_std[channel];
}

// For every output channel, where its byte stands in an RGB pixel.
std::array<size_t, 3> source_channels(ChannelOrder order) {
  return order == ChannelOrder::kRgb ? std::array<size_t, 3>{0, 1, 2}
                                     : std::array<size_t, 3>{2, 1, 0};
}

template <typename T, typename Lookup>
void fill(std::vector<T>& out, const Image& image, const PreprocessSpec& spec, Lookup lookup) {
  const auto source = source_channels(spec.channel_order);
  const size_t pixels = static_cast<size_t>(image.width) * static_cast<size_t>(image.height);
  out.resize(pixels * 3);
  const uint8_t* in = image.pixels.data();
  for (size_t c = 0; c < 3; ++c) {
    const size_t step = spec.layout == Layout::kNchw ? 1 : 3;
    T* to = out.data() + (spec.layout == Layout::kNchw ? c * pixels : c);
    const uint8_t* from = in + source[c];
    for (size_t i = 0; i < pixels; ++i) to[i * step] = lookup(c, from[i * 3]);
  }
}

template <typename T>
std::vector<T>& elements(Tensor& tensor) {
  auto* kept = std::get_if<std::vector<T>>(&tensor.data);
  return kept != nullptr ? *kept : tensor.data.emplace<std::vector<T>>();
}

}  // namespace

std::array<std::array<float, 256>, 3> normalization_table(const PreprocessSpec& spec) {
  std::array<std::array<float, 256>, 3> table{};
  for (size_t c = 0; c < 3; ++c) {
    for (int byte = 0; byte < 256; ++byte) {
      table[c][static_cast<size_t>(byte)] = normalized(byte, spec, c);
    }
  }
  return table;
}

Tensor normalize(const Image& image, const PreprocessSpec& spec) {
  Tensor tensor;
  normalize_into(tensor, image, spec);
  return tensor;
}

void normalize_into(Tensor& tensor, const Image& image, const PreprocessSpec& spec) {
  if (spec.layout == Layout::kNchw) {
    tensor.shape = {1, 3, image.height, image.width};
  } else {
    tensor.shape = {1, image.height, image.width, 3};
  }
  if (spec.dtype == DataType::kUint8) {
    fill(elements<uint8_t>(tensor), image, spec, [](size_t, uint8_t byte) { return byte; });
  } else {
    const auto table = normalization_table(spec);
    fill(elements<float>(tensor), image, spec,
         [&](size_t c, uint8_t byte) { return table[c][byte]; });
  }
}

}  // namespace beralih
