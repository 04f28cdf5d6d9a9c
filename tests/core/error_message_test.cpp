// An image's error names its format, the reason, and where: a byte, with the marker or chunk that
// stands there.
#include <catch2/catch.hpp>
#include <cctype>
#include <string>

#include "beralih/decode.h"
#include "core/bombs.h"
#include "core/test_image.h"
#include "golden/golden_vectors.h"

using namespace beralih;

namespace {

std::string format_of(std::span<const uint8_t> bytes) {
  switch (sniff_format(bytes)) {
    case ImageFormat::kJpeg: return "JPEG: ";
    case ImageFormat::kPng: return "PNG: ";
    case ImageFormat::kWebp: return "WebP: ";
    case ImageFormat::kGif: return "GIF: ";
    case ImageFormat::kBmp: return "BMP: ";
    case ImageFormat::kUnknown: break;
  }
  return {};
}

/// "byte 12" with a number that is not behind the file's end.
bool names_a_byte(const std::string& message, size_t size) {
  const size_t at = message.find("byte ");
  return at != std::string::npos && at + 5 < message.size() &&
         std::isdigit(static_cast<unsigned char>(message[at + 5])) != 0 &&
         std::stoull(message.substr(at + 5)) <= size;
}

/// Whether it was refused; if so, in words that say where.
bool refused_with_place(std::span<const uint8_t> bytes) {
  const std::string format = format_of(bytes);
  if (format.empty()) return false;
  const auto image = decode(bytes, {ExifMode::kTranspose, Gray16Mode::kPillow, 1 << 16});
  if (image) return false;
  INFO(image.error().message);
  CHECK(image.error().message.starts_with(format));
  CHECK(names_a_byte(image.error().message, bytes.size()));
  return true;
}

std::vector<uint8_t> golden_bytes(std::string_view name) {
  for (const auto& file : golden::kFiles) {
    if (file.name == name) return from_hex(file.hex);
  }
  FAIL("no golden file is called " << name);
  return {};
}

}  // namespace

TEST_CASE("every error about a damaged file says where") {
  for (const auto& file : golden::kFiles) {
    if (BERALIH_WEBP == 0 && file.name.starts_with("webp_")) continue;
    CAPTURE(file.name);
    auto bytes = from_hex(file.hex);
    size_t refused = 0;
    for (size_t length = 0; length < bytes.size(); ++length) {
      refused += refused_with_place(std::span(bytes).first(length)) ? 1 : 0;
    }
    for (uint8_t& byte : bytes) {
      const uint8_t kept = byte;
      for (const int other : {kept ^ 0x55, 0, 255, kept + 1}) {
        byte = static_cast<uint8_t>(other);
        refused += refused_with_place(bytes) ? 1 : 0;
      }
      byte = kept;
    }
    CHECK(refused > bytes.size() / 4);
  }
}

namespace {

struct Damage {
  std::string_view file;
  size_t at;
  std::string_view hex;  ///< written at `at`; nothing: the file ends there
  std::string_view message;
};

constexpr Damage kDamages[] = {
    {"jpeg_420",           3,   "",               "JPEG: the data ends before the first scan (at byte 3)"             },
    {"jpeg_420",           700, "",
     "JPEG: the data ends before the image does; send the whole file (at byte 700)"                                   },
    {"jpeg_orientation_6", 199, "00000000",
     "JPEG: the header announces no pixels, 0 x 0 (marker FFC0 at byte 194)"                                          },
    {"jpeg_orientation_6", 199, "ffffffff",
     "JPEG: the header announces 65535 x 65535 pixels, the limit is 89478485 in all; send a "
     "smaller one (marker FFC0 at byte 194)"                                                                          },
    {"jpeg_orientation_6", 203, "02",
     "JPEG: 2 components; only 8-bit gray, YCbCr/RGB and CMYK/YCCK are supported (marker FFC0 at "
     "byte 194)"                                                                                                      },
    {"jpeg_orientation_6", 198, "0c",
     "JPEG: 12 bits a sample; only 8-bit gray, YCbCr/RGB and CMYK/YCCK are supported (marker FFC0 "
     "at byte 194)"                                                                                                   },
    {"jpeg_orientation_6", 56,  "ff80",           "JPEG: there is no such marker (marker FF80 at byte 56)"            },
    {"jpeg_orientation_6", 194, "ffda",
     "JPEG: the first scan comes before a frame header (marker FFDA at byte 194)"                                     },
    {"jpeg_orientation_6", 215, "ffda",           "JPEG: a segment is cut off (marker FFC4 at byte 213)"              },
    {"jpeg_orientation_6", 4,   "0008",           "JPEG: the JFIF header is too short (marker FFE0 at byte 2)"        },
    {"png_rgb",            40,  "",               "PNG: the chunks end before the image data (at byte 33)"            },
    {"png_rgb",            12,  "4a",             "PNG: a checksum is wrong (JHDR chunk at byte 8)"                   },
    {"png_rgb",            29,  "00",             "PNG: a checksum is wrong (IHDR chunk at byte 8)"                   },
    {"png_rgb",            41,  "00",
     "PNG: the compressed data is broken: incorrect header check (IDAT chunk at byte 33), in row "
     "0"                                                                                                              },
    {"png_exif",           41,  "58",             "PNG: a checksum is wrong (eXIf chunk at byte 33)"                  },
    {"png_rgb",            100, "",               "PNG: the data ends before the image does (at byte 100), in row 1"  },
    {"png_rgb",            48,  "09",             "PNG: row 0 has unknown filter 9 (IDAT chunk at byte 33)"           },
    {"webp_lossy",         300, "",               "WebP: the chunks are damaged, or end early (VP8  chunk at byte 12)"},
    {"webp_exif",          30,  "56503858",       "WebP: the chunks are damaged, or end early (at byte 416)"          },
    {"webp_lossless",      30,  "ffffffffffff",
     "WebP: the compressed data is broken (the first frame's data at byte 12)"                                        },
    {"webp_exif",          382, "45584946ffffff",
     "WebP: the chunks are damaged, or end early (EXIF chunk at byte 382)"                                            },
    {"webp_exif",          390, "5858",           "WebP: the EXIF block has no TIFF header (EXIF chunk at byte 382)"  },
    {"webp_animation",     52,  "ff",
     "WebP: the chunks are damaged, or end early (ANMF chunk at byte 44)"                                             },
    {"gif_animation",      20,  "",
     "GIF: the data ends before the first frame does; send the whole file (at byte 13)"                               },
    {"gif_animation",      37,  "3b",             "GIF: there is no frame (at byte 37)"                               },
    {"gif_animation",      37,  "21f902",         "GIF: an extension is damaged or cut off (at byte 37)"              },
    {"gif_animation",      42,  "ffffffff",
     "GIF: the header announces 65535 x 65535 pixels, the limit is 89478485 in all; send a smaller "
     "one (at byte 37)"                                                                                               },
    {"gif_animation",      47,  "0d",             "GIF: codes of 13 bits are not allowed (at byte 47)"                },
    {"gif_animation",      51,  "ffffff",         "GIF: the compressed data is broken (at byte 52)"                   },
    {"gif_animation",      60,  "",
     "GIF: the data ends before the first frame does; send the whole file (at byte 60)"                               },
    {"bmp_rgb",            20,  "",               "BMP: the header is cut off (at byte 20)"                           },
    {"bmp_rgb",            14,  "29",             "BMP: a header of 41 bytes is not supported (at byte 14)"           },
    {"bmp_rgb",            28,  "07",             "BMP: 7 bits a pixel are not supported (at byte 28)"                },
    {"bmp_rgb",            30,  "05",             "BMP: compression 5 is not supported (at byte 30)"                  },
    {"bmp_rgb",            30,  "01",             "BMP: run lengths of such pixels are not supported (at byte 30)"    },
    {"bmp_rgb",            30,  "03",             "BMP: these bit masks for 24 bits are not supported (at byte 54)"   },
    {"bmp_rgb",            18,  "00000000",       "BMP: the header announces no pixels, 0 x 7 (at byte 18)"           },
    {"bmp_rgb",            18,  "ffffff00",
     "BMP: the header announces 16777215 x 7 pixels, the limit is 89478485 in all; send a smaller "
     "one (at byte 18)"                                                                                               },
    {"bmp_palette",        46,  "ffffffff",
     "BMP: a palette of 4294967295 colors is not supported (at byte 46)"                                              },
    {"bmp_palette",        46,  "00010100",       "BMP: a palette of 65792 colors is not supported (at byte 46)"      },
    {"bmp_rgb",            100, "",
     "BMP: the data ends before the image does; send the whole file (at byte 100)"                                    },
};

}  // namespace

TEST_CASE("what is wrong with a file, and where") {
  for (const Damage& damage : kDamages) {
    if (BERALIH_WEBP == 0 && damage.file.starts_with("webp_")) continue;
    auto bytes = golden_bytes(damage.file);
    const auto patch = from_hex(damage.hex);
    if (patch.empty()) bytes.resize(damage.at);
    std::copy(patch.begin(), patch.end(), bytes.begin() + static_cast<std::ptrdiff_t>(damage.at));
    const auto image = decode(bytes, {});
    CAPTURE(damage.file, damage.at);
    REQUIRE_FALSE(image);
    CHECK(image.error().message == damage.message);
  }
}
