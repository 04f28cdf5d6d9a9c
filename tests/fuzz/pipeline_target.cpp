// A spec in the first bytes, then an image: the streamed path, the stages one by one and every
// instruction set must give the same verdict and the same tensor.
#include <algorithm>

#include "beralih/preprocess.h"
#include "beralih/resize_kernels.h"
#include "fuzz/targets.h"

namespace beralih::fuzz {

namespace {

constexpr int64_t kMaxPixels = 1 << 14;
constexpr size_t kSpecBytes = 8;

int side(uint8_t byte) { return byte % 96 + 1; }

PreprocessSpec read_spec(std::span<const uint8_t> bytes) {
  PreprocessSpec spec;
  const auto bit = [&](int index) { return (bytes[0] >> index & 1) != 0; };
  spec.exif = bit(0) ? ExifMode::kIgnore : ExifMode::kTranspose;
  spec.gray16 = bit(1) ? Gray16Mode::kPillow : Gray16Mode::kHighByte;
  spec.channel_order = bit(2) ? ChannelOrder::kBgr : ChannelOrder::kRgb;
  spec.layout = bit(3) ? Layout::kNhwc : Layout::kNchw;
  spec.dtype = bit(4) ? DataType::kUint8 : DataType::kFloat32;
  spec.value_range = bit(5) ? ValueRange::kZeroTo255 : ValueRange::kZeroToOne;
  spec.rescale = bit(6) ? Rescale::kMultiply : Rescale::kDivide;
  spec.resize_mode = static_cast<ResizeMode>(bytes[1] % 4);
  spec.resize_filter = static_cast<ResizeFilter>(bytes[1] / 4 % 6);
  const bool exact = spec.resize_mode == ResizeMode::kExact;
  spec.resize_size = {side(bytes[2]), side(exact ? bytes[3] : bytes[2])};
  spec.center_crop.reset();
  if (bit(7)) spec.center_crop = Size{side(bytes[4]), side(bytes[5])};
  spec.pad_value = {bytes[6], bytes[7], bytes[6]};
  return spec;
}

std::string compare(const Result<PreprocessResult>& a, const Result<PreprocessResult>& b) {
  if (static_cast<bool>(a) != static_cast<bool>(b)) {
    return "one accepts what the other refuses: " + (a ? b : a).error().message;
  }
  if (!a) {
    const bool same = a.error().code == b.error().code && a.error().message == b.error().message;
    return same ? "" : "two reasons: " + a.error().message + " | " + b.error().message;
  }
  if (a->oriented != b->oriented) return "the sizes after orientation differ";
  if (a->header.width != b->header.width || a->header.height != b->header.height) {
    return "the header's sizes differ";
  }
  if (a->tensor.shape != b->tensor.shape) return "the shapes differ";
  return std::ranges::equal(a->tensor.bytes(), b->tensor.bytes()) ? "" : "the tensors differ";
}

}  // namespace

std::string pipeline(std::span<const uint8_t> input) {
  if (input.size() < kSpecBytes) return {};
  const PreprocessSpec spec = read_spec(input);
  const auto image = input.subspan(kSpecBytes);

  PreprocessTrace trace;
  const auto staged = preprocess(image, spec, kMaxPixels, &trace);
  for (const std::string_view kernels : resize_kernel_names()) {
    use_resize_kernels(kernels);
    const auto streamed = preprocess(image, spec, kMaxPixels);
    use_resize_kernels({});
    if (auto problem = compare(streamed, staged); !problem.empty()) {
      return "streamed (" + std::string(kernels) + ") against staged: " + problem;
    }
  }
  if (!staged) return {};
  if (!std::ranges::equal(normalize(trace.cropped, spec).bytes(), staged->tensor.bytes())) {
    return "the traced crop does not give the tensor";
  }
  return {};
}

}  // namespace beralih::fuzz
