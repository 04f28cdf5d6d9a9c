// Encoded pictures for tests, made on the spot.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>
#include <vector>

#include "core/test_image.h"

#include <jpeglib.h>

namespace beralih {

struct JpegKind {
  int channels = 3;  // 1 gray, 3 YCbCr, -3 stored as RGB, 4 CMYK
  int horizontal = 1;
  int vertical = 1;
  bool progressive = false;
  bool arithmetic = false;
  bool separate_scans = false;
  int restart_rows = 0;
  int orientation = 0;
};

inline std::vector<uint8_t> encode_jpeg(const JpegKind& kind, int width, int height,
                                        uint32_t seed) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &data, &size);
  const int channels = std::abs(kind.channels);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = channels;
  info.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&info);
  if (kind.channels == -3) jpeg_set_colorspace(&info, JCS_RGB);
  jpeg_set_quality(&info, 85, TRUE);
  info.comp_info[0].h_samp_factor = kind.horizontal;
  info.comp_info[0].v_samp_factor = kind.vertical;
  info.restart_in_rows = kind.restart_rows;
  info.arith_code = kind.arithmetic ? TRUE : FALSE;
  if (kind.progressive) jpeg_simple_progression(&info);
  jpeg_scan_info scans[3] = {};
  if (kind.separate_scans && channels == 3) {
    for (int c = 0; c < 3; ++c)
      scans[c] = {
          1, {c, 0, 0, 0},
           0, 63, 0, 0
      };
    info.scan_info = scans;
    info.num_scans = 3;
  }
  jpeg_start_compress(&info, TRUE);
  if (kind.orientation > 0) {
    uint8_t exif[] = {
        'E', 'x', 'i', 'f',  0,    0, 'M', 'M', 0, 42, 0, 0, 0,
        8,   0,   1,   0x01, 0x12, 0, 3,   0,   0, 0,  1, 0, static_cast<uint8_t>(kind.orientation),
        0,   0,   0,   0,    0,    0};
    jpeg_write_marker(&info, JPEG_APP0 + 1, exif, sizeof exif);
  }
  // Noise over slopes: neither flat nor all saturated.
  std::minstd_rand random(seed);
  std::vector<uint8_t> row(static_cast<size_t>(width * channels));
  for (int y = 0; y < height; ++y) {
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] = static_cast<uint8_t>((i * 3 + static_cast<size_t>(y) * 5) / 2 + random() % 90);
    }
    JSAMPROW line = row.data();
    jpeg_write_scanlines(&info, &line, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::vector<uint8_t> bytes(data, data + size);
  std::free(data);
  return bytes;
}

struct PngKind {
  int color_type = 2;
  int depth = 8;
  int filter = 4;       // of every row
  int orientation = 0;  // behind the pixels, where streaming learns it last
};

/// Noise in stored deflate blocks; the rows' bytes are what the filter makes of them.
inline std::vector<uint8_t> encode_png(const PngKind& kind, int width, int height, uint32_t seed) {
  std::vector<uint8_t> out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  const auto be32 = [](std::vector<uint8_t>& to, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<uint8_t>(value >> shift));
  };
  const auto chunk = [&](std::string_view type, const std::vector<uint8_t>& data) {
    be32(out, static_cast<uint32_t>(data.size()));
    const size_t start = out.size();
    out.insert(out.end(), type.begin(), type.end());
    out.insert(out.end(), data.begin(), data.end());
    uint32_t crc = ~0u;
    for (size_t i = start; i < out.size(); ++i) {
      crc ^= out[i];
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1)));
    }
    be32(out, ~crc);
  };
  std::vector<uint8_t> header;
  be32(header, static_cast<uint32_t>(width));
  be32(header, static_cast<uint32_t>(height));
  header.insert(header.end(),
                {static_cast<uint8_t>(kind.depth), static_cast<uint8_t>(kind.color_type), 0, 0, 0});
  chunk("IHDR", header);

  constexpr std::array<int, 7> kSamples{1, 0, 3, 1, 2, 0, 4};
  const size_t row =
      static_cast<size_t>(width * kSamples[static_cast<size_t>(kind.color_type)] * kind.depth / 8);
  std::minstd_rand random(seed);
  std::vector<uint8_t> raw;
  for (int y = 0; y < height; ++y) {
    raw.push_back(static_cast<uint8_t>(kind.filter));
    for (size_t i = 0; i < row; ++i) raw.push_back(static_cast<uint8_t>(random()));
  }
  std::vector<uint8_t> data{0x78, 0x01};
  uint32_t a = 1, b = 0;
  for (const uint8_t byte : raw) b = (b + (a = (a + byte) % 65521)) % 65521;
  for (size_t at = 0; at < raw.size(); at += 65535) {
    const size_t length = std::min<size_t>(raw.size() - at, 65535);
    data.push_back(at + length == raw.size());
    for (const size_t half : {length, ~length}) {
      data.push_back(static_cast<uint8_t>(half));
      data.push_back(static_cast<uint8_t>(half >> 8));
    }
    data.insert(data.end(), raw.begin() + static_cast<std::ptrdiff_t>(at),
                raw.begin() + static_cast<std::ptrdiff_t>(at + length));
  }
  be32(data, b << 16 | a);
  chunk("IDAT", data);
  if (kind.orientation > 0) {
    chunk("eXIf", {'M',  'M',  0, 42, 0, 0, 0, 8, 0, 1,
                   0x01, 0x12, 0, 3,  0, 0, 0, 1, 0, static_cast<uint8_t>(kind.orientation),
                   0,    0,    0, 0,  0, 0});
  }
  chunk("IEND", {});
  return out;
}

}  // namespace beralih
