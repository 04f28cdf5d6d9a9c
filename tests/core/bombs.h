// Small files that ask for much: memory by their headers, time by their structure.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace beralih::bombs {

using Bytes = std::vector<uint8_t>;

inline void put(Bytes& to, std::string_view text) { to.insert(to.end(), text.begin(), text.end()); }

inline void put_big(Bytes& to, uint32_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    to.push_back(static_cast<uint8_t>(value >> shift));
  }
}

inline void put_little(Bytes& to, uint32_t value, int bytes) {
  for (int shift = 0; shift < bytes * 8; shift += 8) {
    to.push_back(static_cast<uint8_t>(value >> shift));
  }
}

inline std::string deflated(std::string_view text) {
  uLongf size = compressBound(static_cast<uLong>(text.size()));
  std::string out(size, '\0');
  compress2(reinterpret_cast<Bytef*>(out.data()), &size,
            reinterpret_cast<const Bytef*>(text.data()), static_cast<uLong>(text.size()), 9);
  out.resize(size);
  return out;
}

// --- PNG

inline void put_chunk(Bytes& to, std::string_view tag, std::string_view data) {
  put_big(to, static_cast<uint32_t>(data.size()), 4);
  const size_t start = to.size();
  put(to, tag);
  put(to, data);
  const auto size = static_cast<uInt>(to.size() - start);
  put_big(to, static_cast<uint32_t>(crc32(0, to.data() + start, size)), 4);
}

/// Up to the image data.
inline Bytes png_start(uint32_t width, uint32_t height, int depth, int color_type) {
  Bytes file;
  put(file, std::string_view("\x89PNG\r\n\x1A\n", 8));
  Bytes header;
  put_big(header, width, 4);
  put_big(header, height, 4);
  for (const int value : {depth, color_type, 0, 0, 0}) put_big(header, value, 1);
  put_chunk(file, "IHDR", {reinterpret_cast<const char*>(header.data()), header.size()});
  return file;
}

inline Bytes finished_png(Bytes file, std::string_view rows) {
  put_chunk(file, "IDAT", deflated(rows));
  put_chunk(file, "IEND", {});
  return file;
}

/// A picture of 1 x 1 behind `count` chunks.
inline Bytes png_with(std::string_view tag, std::string_view data, int count) {
  Bytes file = png_start(1, 1, 8, 0);
  for (int i = 0; i < count; ++i) put_chunk(file, tag, data);
  return finished_png(std::move(file), std::string_view("\0\x7F", 2));
}

// --- JPEG

inline void put_segment(Bytes& to, int marker, std::string_view data) {
  put_big(to, 0xFF00 | static_cast<uint32_t>(marker), 2);
  put_big(to, static_cast<uint32_t>(data.size()) + 2, 2);
  put(to, data);
}

inline void put_frame(Bytes& to, int marker, uint32_t width, uint32_t height) {
  Bytes frame{8};
  put_big(frame, height, 2);
  put_big(frame, width, 2);
  frame.insert(frame.end(), {1, 1, 0x11, 0});
  put_segment(to, marker, {reinterpret_cast<const char*>(frame.data()), frame.size()});
}

/// A gray progressive JPEG whose scans are a few bytes each: "no coefficient for 32,767 blocks".
inline Bytes many_scans(uint32_t side, int scans) {
  Bytes file{0xFF, 0xD8};
  put_segment(file, 0xDB, std::string(1, '\0') + std::string(64, '\1'));
  put_frame(file, 0xC2, side, side);
  std::string table(17, '\0');
  table[0] = 0x10;  // the one AC table: a code of one bit
  table[1] = 1;
  put_segment(file, 0xC4, table + '\xE0');
  const uint32_t blocks = (side + 7) / 8 * ((side + 7) / 8);
  std::vector<bool> bits;
  for (uint32_t done = 0; done < blocks; done += 32767) {
    bits.push_back(false);
    bits.insert(bits.end(), 14, true);
  }
  bits.resize((bits.size() + 7) / 8 * 8, true);
  Bytes scan;
  put_segment(scan, 0xDA, std::string_view("\1\1\0\1\x3F\0", 6));
  for (size_t i = 0; i < bits.size(); i += 8) {
    uint32_t byte = 0;
    for (size_t k = 0; k < 8; ++k) byte = byte * 2 + (bits[i + k] ? 1 : 0);
    scan.push_back(static_cast<uint8_t>(byte));
    if (byte == 0xFF) scan.push_back(0);
  }
  for (int i = 0; i < scans; ++i) file.insert(file.end(), scan.begin(), scan.end());
  put_big(file, 0xFFD9, 2);
  return file;
}

// --- the pixel bomb: nothing but a header

inline Bytes huge_jpeg() {
  Bytes file{0xFF, 0xD8};
  put_frame(file, 0xC0, 65535, 65535);
  put_segment(file, 0xDA, std::string_view("\1\1\0\0\x3F\0", 6));
  return file;
}

inline Bytes huge_png() { return finished_png(png_start(65535, 65535, 8, 2), "x"); }

inline Bytes huge_gif(bool frame_only) {
  Bytes file;
  put(file, "GIF89a");
  for (int i = 0; i < 2; ++i) put_little(file, frame_only ? 1 : 65535, 2);
  put(file, std::string_view("\0\0\0,\0\0\0\0\xFF\xFF\xFF\xFF\0\2\1\0\0;", 18));
  return file;
}

inline Bytes bmp(uint32_t width, uint32_t height, uint32_t bits, uint32_t compression,
                 uint32_t colors = 0, uint32_t offset = 54, uint32_t header_bytes = 40) {
  Bytes file;
  put(file, "BM");
  for (const uint32_t value : {54u, 0u, offset, header_bytes, width, height})
    put_little(file, value, 4);
  put_little(file, 1, 2);
  put_little(file, bits, 2);
  for (const uint32_t value : {compression, 0u, 0u, 0u, colors, 0u}) put_little(file, value, 4);
  return file;
}

inline Bytes huge_webp() {
  Bytes file;
  put(file, std::string_view("RIFF\x16\0\0\0WEBPVP8L\x0A\0\0\0\x2F", 21));
  put_little(file, 16383u | 16383u << 14, 4);
  file.resize(30);
  return file;
}

}  // namespace beralih::bombs
