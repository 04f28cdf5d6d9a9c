// What the core's tests share: pictures made by arithmetic, and hexadecimal text to bytes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "beralih/image.h"

namespace beralih {

/// The same bytes as noise() in tests/golden/generate.py.
inline Image test_image(int width, int height, uint32_t seed) {
  Image image = Image::allocate(height, width);
  uint32_t state = seed;
  for (uint8_t& byte : image.pixels) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<uint8_t>(state >> 24);
  }
  return image;
}

inline std::vector<uint8_t> from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  }
  return bytes;
}

}  // namespace beralih
