#include "beralih/decode.h"

#include <catch2/catch.hpp>

#include "beralih/sha256.h"
#include "core/test_image.h"
#include "golden/golden_vectors.h"

using namespace beralih;

namespace {

std::vector<uint8_t> golden_bytes(std::string_view name) {
  for (const auto& file : golden::kFiles) {
    if (file.name == name) return from_hex(file.hex);
  }
  FAIL("no golden file is called " << name);
  return {};
}

/// A build may leave WebP out.
bool is_built_in(std::string_view name) { return BERALIH_WEBP != 0 || !name.starts_with("webp_"); }

}  // namespace

TEST_CASE("decoding equals Pillow, bit for bit") {
  for (const auto& file : golden::kFiles) {
    if (!is_built_in(file.name)) continue;
    CAPTURE(file.name);
    ImageHeader header;
    const auto image = decode(from_hex(file.hex), {}, &header);
    REQUIRE(image);
    CHECK(image->width == file.width);
    CHECK(image->height == file.height);
    CHECK(sha256_hex(image->pixels) == file.sha256);
    CHECK(image_format_name(header.format) == file.name.substr(0, file.name.find('_')));
  }
}

TEST_CASE("orientation is left alone where the contract says so") {
  DecodeOptions options;
  options.exif = ExifMode::kIgnore;
  const auto image = decode(golden_bytes("jpeg_orientation_6"), options);
  REQUIRE(image);
  CHECK(image->width == 9);
  CHECK(image->height == 5);
}

TEST_CASE("every cut of a file is an error or the whole picture, never a crash") {
  for (const std::string_view name : {"jpeg_420", "jpeg_progressive", "png_palette", "png_exif",
                                      "webp_lossless", "gif_interlaced", "bmp_palette"}) {
    if (!is_built_in(name)) continue;
    CAPTURE(name);
    const auto bytes = golden_bytes(name);
    const auto whole = decode(bytes, {});
    REQUIRE(whole);
    size_t refused = 0;
    for (size_t length = 0; length < bytes.size(); ++length) {
      const auto cut = decode(std::span(bytes).first(length), {});
      if (cut) {
        CHECK(cut->pixels.size() == whole->pixels.size());
      } else {
        ++refused;
        CHECK_FALSE(cut.error().message.empty());
      }
    }
    CHECK(refused > bytes.size() / 2);
  }
}

TEST_CASE("every flipped byte is an error or a picture, never a crash") {
  for (const auto& file : golden::kFiles) {
    auto bytes = from_hex(file.hex);
    for (size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] ^= 0x55;
      const auto image = decode(bytes, {ExifMode::kTranspose, Gray16Mode::kPillow, 1 << 20});
      if (!image) CHECK_FALSE(image.error().message.empty());
      bytes[i] ^= 0x55;
    }
  }
}

TEST_CASE("what is not an image is said to be none") {
  const auto code = [](std::string_view text) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
    const auto image = decode({bytes, text.size()}, {});
    REQUIRE_FALSE(image);
    return image.error().code;
  };
  CHECK(code("") == ErrorCode::kInvalidArgument);
  CHECK(code("hello, I am a text file named .jpg") == ErrorCode::kUnsupportedFormat);
  CHECK(code(std::string_view("\xFF\xD8\xFF\xE0", 4)) == ErrorCode::kCorruptImage);
  CHECK(code("\x89PNG\r\n\x1A\n") == ErrorCode::kCorruptImage);
  CHECK(code("RIFF....WEBPVP8 ") ==
        (is_built_in("webp_") ? ErrorCode::kCorruptImage : ErrorCode::kUnsupportedFormat));
  CHECK(code("RIFF....WAVEfmt ") == ErrorCode::kUnsupportedFormat);
  CHECK(code("GIF89a") == ErrorCode::kCorruptImage);
  CHECK(code("GIF90a") == ErrorCode::kUnsupportedFormat);
  CHECK(code("BM") == ErrorCode::kCorruptImage);
}

TEST_CASE("the pixel limit holds before pixels are allocated") {
  DecodeOptions options;
  options.max_pixels = 38 * 26 - 1;
  for (const std::string_view name :
       {"jpeg_420", "png_rgb", "webp_lossless", "gif_plain", "bmp_rgb"}) {
    if (!is_built_in(name)) continue;
    if (name != "jpeg_420") options.max_pixels = 11 * 7 - 1;
    const auto refused = decode(golden_bytes(name), options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kImageTooLarge);
    options.max_pixels += 1;
    CHECK(decode(golden_bytes(name), options));
  }
}

TEST_CASE("a PNG header that announces 2,147,483,647 x 2,147,483,647 pixels costs nothing") {
  auto bytes = golden_bytes("png_rgb");
  // Width and height, then the checksum that belongs to them.
  const auto huge = from_hex("7fffffff7fffffff0802000000");
  std::copy(huge.begin(), huge.end(), bytes.begin() + 16);
  const auto wrong_crc = decode(bytes, {});
  REQUIRE_FALSE(wrong_crc);
  CHECK(wrong_crc.error().code == ErrorCode::kCorruptImage);
}
