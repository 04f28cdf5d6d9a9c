// The streaming path against the stages one after the other (which a trace asks for): the same
// tensors and the same errors, over JPEGs of every kind and PNGs.
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "beralih/preprocess.h"
#include "core/encoded_image.h"

using namespace beralih;

namespace {

// Empty where both paths agree.
std::string difference(const std::vector<uint8_t>& bytes, const PreprocessSpec& spec) {
  PreprocessTrace trace;
  const auto staged = preprocess(bytes, spec, 1 << 22, &trace);
  const auto streamed = preprocess(bytes, spec, 1 << 22);
  if (bool(staged) != bool(streamed)) {
    return "verdict: " + (staged ? "accepted" : staged.error().message) + " / " +
           (streamed ? "accepted" : streamed.error().message);
  }
  if (!staged) {
    const bool same = staged.error().code == streamed.error().code &&
                      staged.error().message == streamed.error().message;
    return same ? "" : staged.error().message + " / " + streamed.error().message;
  }
  if (staged->tensor.shape != streamed->tensor.shape) return "shape";
  if (staged->tensor.data != streamed->tensor.data) return "tensor";
  if (!(staged->oriented == streamed->oriented)) return "oriented size";
  return staged->header.width == streamed->header.width ? "" : "header";
}

class Cases {
 public:
  int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
  uint32_t seed() { return static_cast<uint32_t>(random_()); }

  JpegKind kind() {
    constexpr int kSamplings[][2] = {
        {1, 1},
        {2, 1},
        {2, 2},
        {1, 2},
        {4, 1},
        {4, 2},
        {1, 4},
        {2, 2}
    };
    constexpr int kChannels[] = {3, 3, 3, 3, 3, 1, -3, 4};
    const auto& sampling = kSamplings[below(8)];
    JpegKind kind{kChannels[below(8)], sampling[0], sampling[1]};
    if (kind.channels == -3 || kind.channels == 4) kind.horizontal = kind.vertical = 1;
    kind.progressive = below(6) == 0;
    kind.arithmetic = below(10) == 0;
    kind.separate_scans = !kind.progressive && below(10) == 0;
    kind.restart_rows = below(4) == 0 ? 1 + below(3) : 0;
    kind.orientation = below(2) == 0 ? below(9) : 0;
    return kind;
  }

  PreprocessSpec spec(int width, int height) {
    PreprocessSpec spec;
    spec.dtype = DataType::kUint8;
    spec.resize_filter = static_cast<ResizeFilter>(below(6));
    spec.exif = below(4) == 0 ? ExifMode::kIgnore : ExifMode::kTranspose;
    constexpr ResizeMode kModes[] = {ResizeMode::kShorterSide, ResizeMode::kShorterSide,
                                     ResizeMode::kLongestSide, ResizeMode::kExact,
                                     ResizeMode::kNone};
    spec.resize_mode = kModes[below(5)];
    const int side = 1 + below(120);
    spec.resize_size = {side, side};
    if (spec.resize_mode == ResizeMode::kExact) {
      spec.resize_size = {below(5) == 0 ? height : 1 + below(120),
                          below(5) == 0 ? width : 1 + below(120)};
    }
    if (below(5) == 0)
      spec.center_crop.reset();
    else
      spec.center_crop = Size{1 + below(80), 1 + below(80)};
    spec.pad_value = {7, 8, 9};
    return spec;
  }

 private:
  std::mt19937 random_{777};
};

int rounds(int usual) {
  const char* factor = std::getenv("BERALIH_TEST_ROUNDS");
  return usual * (factor != nullptr ? std::max(std::atoi(factor), 1) : 1);
}

std::string describe(const JpegKind& kind, int width, int height, const PreprocessSpec& spec) {
  char text[300];
  std::snprintf(text, sizeof text,
                "%dx%d channels %d sampling %dx%d progressive %d arithmetic %d scans %d restart %d "
                "orientation %d, mode %d to %dx%d %s crop %dx%d",
                width, height, kind.channels, kind.horizontal, kind.vertical, kind.progressive,
                kind.arithmetic, kind.separate_scans, kind.restart_rows, kind.orientation,
                static_cast<int>(spec.resize_mode), spec.resize_size.width, spec.resize_size.height,
                std::string(name(spec.resize_filter)).c_str(),
                spec.center_crop ? spec.center_crop->width : 0,
                spec.center_crop ? spec.center_crop->height : 0);
  return text;
}

}  // namespace

TEST_CASE("streamed and staged tensors are equal for every kind of JPEG") {
  Cases cases;
  for (int round = 0; round < rounds(400); ++round) {
    const int limit = round % 4 == 0 ? 40 : round % 4 == 1 ? 200 : 700;
    const int width = 1 + cases.below(limit), height = 1 + cases.below(limit);
    const JpegKind kind = cases.kind();
    const auto bytes = encode_jpeg(kind, width, height, cases.seed());
    for (int i = 0; i < 4; ++i) {
      const PreprocessSpec spec = cases.spec(width, height);
      const std::string found = difference(bytes, spec);
      if (!found.empty()) FAIL_CHECK(found << ": " << describe(kind, width, height, spec));
    }
  }
}

TEST_CASE("streamed and staged verdicts are equal for cut and damaged JPEGs") {
  Cases cases;
  int refused = 0;
  for (int round = 0; round < rounds(200); ++round) {
    const int width = 1 + cases.below(400), height = 1 + cases.below(400);
    const JpegKind kind = cases.kind();
    const auto whole = encode_jpeg(kind, width, height, cases.seed());
    for (int i = 0; i < 8; ++i) {
      auto bytes = whole;
      const auto size = static_cast<int>(bytes.size());
      // Cut anywhere, cut near the end, or break bytes.
      if (i < 3)
        bytes.resize(static_cast<size_t>(cases.below(size)));
      else if (i < 5)
        bytes.resize(static_cast<size_t>(size - 1 - cases.below(std::min(size - 1, 60))));
      else
        for (int k = 0; k <= i; ++k) {
          uint8_t& byte = bytes[static_cast<size_t>(cases.below(size))];
          byte = static_cast<uint8_t>(byte ^ (1 << cases.below(8)));
        }
      const PreprocessSpec spec = cases.spec(width, height);
      const std::string found = difference(bytes, spec);
      if (!found.empty())
        FAIL_CHECK(found << ": " << describe(kind, width, height, spec) << " way " << i);
      refused += preprocess(bytes, spec, 1 << 22) ? 0 : 1;
    }
  }
  CHECK(refused > 100);
}

TEST_CASE("PNG: streaming equals the stages, broken files included") {
  Cases cases;
  PreprocessSpec spec;
  for (int round = 0; round < 120; ++round) {
    constexpr int kColorTypes[] = {0, 2, 4, 6};
    const PngKind kind{kColorTypes[cases.below(4)], cases.below(3) == 0 ? 16 : 8, cases.below(5),
                       cases.below(3) == 0 ? 1 + cases.below(8) : 0};
    const int width = 1 + cases.below(300), height = 1 + cases.below(300);
    auto bytes = encode_png(kind, width, height, cases.seed());
    spec.exif = round % 5 == 0 ? ExifMode::kIgnore : ExifMode::kTranspose;
    if (round % 4 == 1)
      bytes.resize(static_cast<size_t>(cases.below(static_cast<int>(bytes.size()))));
    if (round % 4 == 2)
      bytes[static_cast<size_t>(cases.below(static_cast<int>(bytes.size())))] ^= 0x41;
    CAPTURE(round, kind.color_type, kind.depth, kind.filter, kind.orientation, width, height);
    CHECK(difference(bytes, spec) == "");
  }
}
