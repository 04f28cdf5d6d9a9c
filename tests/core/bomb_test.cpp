// Hostile files are refused, or read, in bounded time; memory is bounded by
// tests/cli/test_bombs.py.
#include <catch2/catch.hpp>
#include <chrono>
#include <string>

#include "beralih/contract.h"
#include "beralih/preprocess.h"
#include "core/bombs.h"

using namespace beralih;

namespace {

/// Seconds are generous: sanitizers and WebAssembly count too. What is refused takes minutes.
template <typename F>
auto within(double seconds, F call) {
  const auto start = std::chrono::steady_clock::now();
  auto result = call();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  CHECK(took.count() < seconds);
  return result;
}

Error refused(const bombs::Bytes& file, ErrorCode code, double seconds = 5) {
  const auto image = within(seconds, [&] { return decode(file, {}); });
  REQUIRE_FALSE(image);
  CAPTURE(image.error().message);
  CHECK(image.error().code == code);
  return image.error();
}

bombs::Bytes exif_jpeg(const bombs::Bytes& tiff) {
  bombs::Bytes file{0xFF, 0xD8};
  std::string exif("Exif\0\0", 6);
  exif.append(tiff.begin(), tiff.end());
  bombs::put_segment(file, 0xE1, exif);
  const auto rest = bombs::many_scans(8, 1);
  file.insert(file.end(), rest.begin() + 2, rest.end());
  return file;
}

}  // namespace

TEST_CASE("a header of 65535 x 65535 pixels is refused by its numbers, in every format") {
  const std::pair<std::string, bombs::Bytes> files[] = {
      {"JPEG: the header announces 65535 x 65535 pixels", bombs::huge_jpeg()    },
      {"PNG: the header announces 65535 x 65535 pixels",  bombs::huge_png()     },
      {"GIF: the header announces 65535 x 65535 pixels",  bombs::huge_gif(false)},
      {"GIF: the header announces 65535 x 65535 pixels",  bombs::huge_gif(true) },
      {"BMP: the header announces 65535 x 65535 pixels",  bombs::bmp(65535,       65535, 24, 0)},
      {"WebP: the header announces 16384 x 16384 pixels",                                               bombs::huge_webp()                                                                  },
  };
  for (const auto& [message, file] : files) {
    if (BERALIH_WEBP == 0 && message.starts_with("WebP")) continue;
    CAPTURE(message);
    CHECK(refused(file, ErrorCode::kImageTooLarge, 1).message.starts_with(message));
    // No limit of the caller's lets a size through that cannot be counted or held.
    const auto image = decode(bombs::bmp(0xFFFFFFFF, 1, 1, 0), {{}, {}, INT64_MAX});
    REQUIRE_FALSE(image);
    CHECK(image.error().code == ErrorCode::kImageTooLarge);
  }
}

TEST_CASE("absurd BMP headers are refused") {
  using bombs::bmp;
  refused(bmp(1, 1, 24, 0, 0, 54, 0xFFFFFFFF), ErrorCode::kUnsupportedFormat);
  refused(bmp(1, 1, 24, 0, 0, 0xFFFFFFFF), ErrorCode::kCorruptImage);
  refused(bmp(1, 1, 8, 0, 0xFFFFFFFF), ErrorCode::kUnsupportedFormat);
  refused(bmp(1, 1, 65535, 0), ErrorCode::kUnsupportedFormat);
  refused(bmp(0x7FFFFFFF, 0x80000000, 24, 0), ErrorCode::kImageTooLarge);
  refused(bmp(0, 0, 24, 0), ErrorCode::kCorruptImage);
  refused(bmp(80'000'000, 1, 8, 1), ErrorCode::kCorruptImage);
}

TEST_CASE("PNG texts and profiles that inflate without end are refused") {
  const std::string megabytes(3 << 20, 'a');
  const std::string named = "key" + std::string(2, '\0');
  refused(bombs::png_with("zTXt", named + bombs::deflated(megabytes), 1), ErrorCode::kCorruptImage);
  refused(bombs::png_with("iCCP", named + bombs::deflated(megabytes), 1), ErrorCode::kCorruptImage);
  refused(
      bombs::png_with(
          "iTXt", named.substr(0, 4) + std::string("\1\0\0\0", 4) + bombs::deflated(megabytes), 1),
      ErrorCode::kCorruptImage);
  // Below the limit of one chunk, thousands of times.
  const std::string almost = bombs::deflated(std::string((1 << 20) - 1, 'a'));
  refused(bombs::png_with("zTXt", named + almost, 3000), ErrorCode::kCorruptImage, 20);
  refused(bombs::png_with("zTXt", std::string(2, '\0') + almost, 3000), ErrorCode::kCorruptImage,
          20);
  refused(bombs::png_with("iCCP", named + almost, 3000), ErrorCode::kCorruptImage, 20);
}

TEST_CASE("a hundred thousand tiny PNG texts cost no more than their bytes") {
  const auto file =
      bombs::png_with("zTXt", std::string("k\0\0", 3) + bombs::deflated("x"), 100'000);
  CHECK(within(10, [&] { return decode(file, {}); }));
}

TEST_CASE("a PNG chunk as long as the address space is not read twice") {
  for (const uint32_t length : {0xFFFFFFF4u, 0xFFFFFFFFu, 0x80000000u}) {
    auto file = bombs::png_start(64, 64, 8, 0);
    bombs::put_big(file, length, 4);
    bombs::put(file, "IDAT" + bombs::deflated("one row is missing"));
    refused(file, ErrorCode::kCorruptImage);
  }
}

TEST_CASE("EXIF directories that loop, nest or announce too much are read past") {
  bombs::Bytes loop;
  bombs::put(loop, std::string_view("II*\0\x08\0\0\0\2\0", 10));
  for (const uint32_t tag : {0x8769u, 0x0112u}) {  // a directory inside that is this one
    bombs::put_little(loop, tag, 2);
    bombs::put_little(loop, tag == 0x0112 ? 3 : 13, 2);
    bombs::put_little(loop, 1, 4);
    bombs::put_little(loop, tag == 0x0112 ? 6 : 8, 4);
  }
  bombs::put_little(loop, 8, 4);  // and so is the next one
  const auto looped = within(1, [&] { return decode(exif_jpeg(loop), {}); });
  CHECK(looped);

  bombs::Bytes wide;
  bombs::put(wide, std::string_view("MM\0*\0\0\0\x08\xFF\xFF", 10));
  while (wide.size() < 65000) {
    bombs::put_big(wide, 0x011A, 2);
    bombs::put_big(wide, 5, 2);
    bombs::put_big(wide, 1, 4);
    bombs::put_big(wide, 8, 4);
  }
  CHECK(within(1, [&] { return decode(exif_jpeg(wide), {}); }));

  bombs::Bytes huge;
  bombs::put(huge, std::string_view(
                       "II*\0\x08\0\0\0\1\0\x12\1\x0C\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 22));
  CHECK(within(1, [&] { return decode(exif_jpeg(huge), {}); }));
}

TEST_CASE("a progressive JPEG may have many scans, but not without end") {
  CHECK(within(10, [&] { return decode(bombs::many_scans(256, 400), {}); }));
  const Error many = refused(bombs::many_scans(256, 501), ErrorCode::kImageTooLarge, 10);
  CHECK(many.message.find("more than 500 scans") != std::string::npos);
  CHECK(many.message.find("near byte") != std::string::npos);
  // Large images get fewer, and the tensor's path has the same limits.
  const auto large = bombs::many_scans(8000, 100'000);
  const Error error = refused(large, ErrorCode::kImageTooLarge, 20);
  CHECK(error.message.find("more than 64 scans") != std::string::npos);
  const auto tensor = within(40, [&] { return preprocess(large, PreprocessSpec{}); });
  REQUIRE_FALSE(tensor);
  CHECK(tensor.error().message == error.message);
}

TEST_CASE("a GIF of clear codes ends with its data") {
  bombs::Bytes file;
  bombs::put(file, std::string_view("GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\x08", 24));
  // Codes of 9 bits, all of them 256: nine bytes hold eight, a block a whole number.
  std::string codes(252, '\0');
  for (size_t bit = 8; bit < codes.size() * 8; bit += 9) {
    codes[bit / 8] = static_cast<char>(codes[bit / 8] | 1 << bit % 8);
  }
  for (int block = 0; block < 20'000; ++block) {
    file.push_back(252);
    bombs::put(file, codes);
  }
  refused(file, ErrorCode::kCorruptImage);
}

TEST_CASE("profiles of megabytes in a JPEG are read past") {
  bombs::Bytes file{0xFF, 0xD8};
  for (int i = 0; i < 250; ++i) {
    bombs::put_segment(file, 0xE2, std::string("ICC_PROFILE\0", 12) + std::string(65000, 'p'));
  }
  const auto rest = bombs::many_scans(8, 1);
  file.insert(file.end(), rest.begin() + 2, rest.end());
  CHECK(within(5, [&] { return decode(file, {}); }));
}

TEST_CASE("a side of millions of pixels is not resized") {
  constexpr uint32_t kSide = 3'000'000;
  const auto file =
      bombs::finished_png(bombs::png_start(kSide, 1, 1, 0), std::string(1 + (kSide + 7) / 8, '\0'));
  PreprocessSpec spec;
  spec.resize_mode = ResizeMode::kExact;
  spec.resize_filter = ResizeFilter::kLanczos;
  const auto tensor = within(10, [&] { return preprocess(file, spec); });
  REQUIRE_FALSE(tensor);
  CHECK(tensor.error().code == ErrorCode::kImageTooLarge);
  CHECK(tensor.error().message.find("3000000 x 1") != std::string::npos);
  spec.resize_mode = ResizeMode::kNone;
  CHECK(within(10, [&] { return preprocess(file, spec); }));
}

TEST_CASE("a contract that is nested a million deep is refused") {
  for (const std::string_view start : {"[", "{\"preprocessing\":", "{\"exif\":"}) {
    std::string text;
    while (text.size() < 1'000'000) text += start;
    CHECK_FALSE(within(5, [&] { return parse_contract(text); }));
    const auto spec = parse_preprocess_spec(text);
    REQUIRE_FALSE(spec);
    CHECK(spec.error().message == "$: nested more than 64 levels deep");
  }
}
