// BMP, as Pillow's BmpImagePlugin.py reads it.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "codecs/codecs.h"
#include "message.h"

namespace beralih::codecs {

namespace {

using Bytes = std::span<const uint8_t>;

Error corrupt(std::initializer_list<Part> what, uint64_t at) {
  return placed(error_of(ErrorCode::kCorruptImage, "BMP: ", what), place(at));
}
Error unsupported(std::initializer_list<Part> what, uint64_t at) {
  return placed(error_of(ErrorCode::kUnsupportedFormat, "BMP: ", what),
                " not supported" + place(at));
}

enum Compression : uint32_t { kRaw = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3 };

/// How a stored pixel becomes RGB.
struct Layout {
  uint32_t bits = 0;
  enum Kind { kIndexed, kBytes, kWords } kind = kIndexed;
  std::array<uint8_t, 3> at{};  ///< kBytes: where red, green and blue stand
  bool six_bit_green = false;   ///< kWords: 5-6-5 bits, otherwise 5-5-5
};

struct Header {
  int64_t width = 0, height = 0;
  bool top_down = false;
  uint32_t bits = 0;
  uint32_t compression = kRaw;
  uint64_t colors = 0;
  size_t palette_step = 4;
  size_t bits_at = 28;              ///< where the number of bits stands
  std::array<uint32_t, 4> masks{};  ///< red, green, blue, alpha
  bool has_masks = false;
  size_t end = 0;       ///< where the palette starts
  uint64_t pixels = 0;  ///< where the pixels start; 0: behind the palette
};

uint32_t u16(Bytes bytes, size_t at) { return bytes[at] | uint32_t{bytes[at + 1]} << 8; }
uint32_t u32(Bytes bytes, size_t at) { return u16(bytes, at) | u16(bytes, at + 2) << 16; }

constexpr size_t kFileHeaderBytes = 14;
// Where the fields of all but the oldest header stand.
constexpr size_t kWidthAt = 18, kCompressionAt = 30, kColorsAt = 46;

Result<Header> read_header(Bytes file) {
  constexpr uint32_t kOs2Bytes = 12;
  if (file.size() < kFileHeaderBytes + 4) return corrupt({"the header is cut off"}, file.size());
  Header header;
  header.pixels = u32(file, 10);
  const uint32_t size = u32(file, kFileHeaderBytes);
  if (size != kOs2Bytes && size != 40 && size != 64 && size != 108 && size != 124) {
    return unsupported({"a header of ", size, " bytes is"}, kFileHeaderBytes);
  }
  if (file.size() - kFileHeaderBytes < size) return corrupt({"the header is cut off"}, file.size());
  const Bytes info = file.subspan(kFileHeaderBytes, size);
  header.end = kFileHeaderBytes + size;
  if (size == kOs2Bytes) {
    header.width = u16(info, 4);
    header.height = u16(info, 6);
    header.bits = u16(info, 10);
    header.palette_step = 3;
    header.bits_at = 24;
  } else {
    header.top_down = info[11] == 0xFF;
    header.width = u32(info, 4);
    header.height = header.top_down ? (int64_t{1} << 32) - u32(info, 8) : u32(info, 8);
    header.bits = u16(info, 14);
    header.compression = u32(info, 16);
    header.colors = u32(info, 32);
    if (header.compression == kBitFields) {
      const bool inside = size >= 56;
      const size_t at = inside ? kFileHeaderBytes + 40 : header.end;
      const size_t count = inside ? 4 : 3;
      if (file.size() - at < count * 4) return corrupt({"the bit masks are cut off"}, at);
      for (size_t i = 0; i < count; ++i) header.masks[i] = u32(file, at + i * 4);
      if (!inside) header.end += count * 4;
    }
  }
  if (header.colors == 0 && header.bits <= 32) header.colors = uint64_t{1} << header.bits;
  // Some files name the end of the header where they mean the end of the palette.
  if (header.pixels == kFileHeaderBytes + size && header.bits <= 8) {
    header.pixels += 4 * header.colors;
  }
  return header;
}

Result<Layout> masked_layout(const Header& header) {
  using Masks = std::array<uint32_t, 4>;
  struct Known {
    uint32_t bits;
    Masks masks;
    std::array<uint8_t, 3> at;
  };
  static constexpr std::array<Known, 6> kWords32{
      {{32, {0xFF0000, 0xFF00, 0xFF, 0}, {2, 1, 0}},
       {32, {0xFF000000, 0xFF0000, 0xFF00, 0}, {3, 2, 1}},
       {32, {0xFF000000, 0xFF0000, 0xFF00, 0xFF}, {3, 2, 1}},
       {32, {0xFF, 0xFF00, 0xFF0000, 0xFF000000}, {0, 1, 2}},
       {32, {0xFF0000, 0xFF00, 0xFF, 0xFF000000}, {2, 1, 0}},
       {32, {0, 0, 0, 0}, {2, 1, 0}}}
  };
  const auto has_rgb = [&](uint32_t red, uint32_t green, uint32_t blue) {
    return header.masks[0] == red && header.masks[1] == green && header.masks[2] == blue;
  };
  for (const Known& known : kWords32) {
    if (header.bits == known.bits && header.masks == known.masks) {
      return Layout{32, Layout::kBytes, known.at, false};
    }
  }
  if (header.bits == 24 && has_rgb(0xFF0000, 0xFF00, 0xFF)) {
    return Layout{
        24, Layout::kBytes, {2, 1, 0},
          false
    };
  }
  if (header.bits == 16 && has_rgb(0xF800, 0x7E0, 0x1F))
    return Layout{16, Layout::kWords, {}, true};
  if (header.bits == 16 && has_rgb(0x7C00, 0x3E0, 0x1F)) {
    return Layout{16, Layout::kWords, {}, false};
  }
  return unsupported({"these bit masks for ", header.bits, " bits are"}, kFileHeaderBytes + 40);
}

Result<Layout> find_layout(const Header& header) {
  switch (header.bits) {
    case 1:
    case 4:
    case 8:
    case 16:
    case 24:
    case 32: break;
    default: return unsupported({header.bits, " bits a pixel are"}, header.bits_at);
  }
  if (header.compression == kBitFields) return masked_layout(header);
  if (header.compression > kBitFields) {
    return unsupported({"compression ", header.compression, " is"}, kCompressionAt);
  }
  if (header.bits == 16) return Layout{16, Layout::kWords, {}, false};
  if (header.bits >= 24)
    return Layout{
        header.bits, Layout::kBytes, {2, 1, 0},
          false
    };
  return Layout{header.bits, Layout::kIndexed, {}, false};
}

struct Palette {
  std::array<std::array<uint8_t, 3>, 256> colors{};
  bool gray = false;  ///< every color is its own index's gray: Pillow drops such a palette
};

/// `header.end` moves behind the palette.
Result<Palette> read_palette(Bytes file, Header& header) {
  constexpr uint64_t kMaxColors = 65536;
  if (header.colors > kMaxColors) {
    return unsupported({"a palette of ", header.colors, " colors is"}, kColorsAt);
  }
  const size_t step = header.palette_step;
  const size_t count = static_cast<size_t>(header.colors);
  const size_t start = header.end;
  const Bytes stored = file.subspan(start, std::min(step * count, file.size() - start));
  header.end += stored.size();

  Palette palette;
  palette.gray = true;
  for (size_t i = 0; i < count && palette.gray; ++i) {
    const size_t at = i * step;
    const uint8_t value = count == 2 && i == 1 ? uint8_t{255} : static_cast<uint8_t>(i);
    palette.gray = at + 3 <= stored.size() && stored[at] == value && stored[at + 1] == value &&
                   stored[at + 2] == value;
  }
  for (size_t i = 0; i < 256; ++i) palette.colors[i].fill(static_cast<uint8_t>(i));
  if (palette.gray) return palette;
  if (stored.size() / step > 256)
    return corrupt({"the palette has ", stored.size() / step, " colors, more than 256"}, start);
  for (size_t i = 0; i < stored.size() / step; ++i) {
    const uint8_t* color = stored.data() + i * step;
    palette.colors[i] = {color[2], color[1], color[0]};
  }
  return palette;
}

uint8_t packed_sample(const uint8_t* row, size_t x, uint32_t bits) {
  if (bits == 8) return row[x];
  const size_t bit = x * bits;
  return static_cast<uint8_t>(row[bit / 8] >> (8 - bits - bit % 8) & ((1u << bits) - 1));
}

void convert_row(const Layout& layout, const Palette& palette, const uint8_t* row, Image& image,
                 int y) {
  uint8_t* to = image.row(y);
  const auto width = static_cast<size_t>(image.width);
  for (size_t x = 0; x < width; ++x, to += 3) {
    if (layout.kind == Layout::kIndexed) {
      std::copy_n(palette.colors[packed_sample(row, x, layout.bits)].data(), 3, to);
    } else if (layout.kind == Layout::kBytes) {
      const uint8_t* pixel = row + x * (layout.bits / 8);
      for (size_t c = 0; c < 3; ++c) to[c] = pixel[layout.at[c]];
    } else {
      const int word = row[x * 2] | row[x * 2 + 1] << 8;
      const int green_bits = layout.six_bit_green ? 6 : 5;
      const int green_max = (1 << green_bits) - 1;
      to[0] = static_cast<uint8_t>((word >> (5 + green_bits) & 31) * 255 / 31);
      to[1] = static_cast<uint8_t>((word >> 5 & green_max) * 255 / green_max);
      to[2] = static_cast<uint8_t>((word & 31) * 255 / 31);
    }
  }
}

/// BmpRleDecoder, its way of reading a delta's four bytes for two included. Fewer than `size`
/// indices: the data ends early.
std::vector<uint8_t> expand_runs(Bytes file, size_t at, size_t width, size_t size, bool nibbles) {
  std::vector<uint8_t> out;
  out.reserve(size);
  const auto fill = [&](uint64_t count) {
    out.resize(static_cast<size_t>(std::min<uint64_t>(size, out.size() + count)));
  };
  const auto push = [&](int value) {
    if (out.size() < size) out.push_back(static_cast<uint8_t>(value));
  };
  size_t x = 0;
  while (out.size() < size && at + 2 <= file.size()) {
    const size_t count = file[at];
    const uint8_t value = file[at + 1];
    at += 2;
    if (count > 0) {
      const size_t room = x < width ? width - x : 0;
      const size_t run = std::min(count, room);
      for (size_t i = 0; i < run; ++i) {
        push(!nibbles ? value : i % 2 == 0 ? value >> 4 : value & 15);
      }
      x += run;
    } else if (value == 0) {
      fill((width - out.size() % width) % width);
      x = 0;
    } else if (value == 1) {
      break;
    } else if (value == 2) {
      if (file.size() - at < 4) break;
      fill(file[at + 2] + uint64_t{file[at + 3]} * width);
      at += 4;
      x = out.size() % width;
    } else {
      const size_t announced = nibbles ? value / 2u : value;
      const size_t stored = std::min(announced, file.size() - at);
      for (size_t i = 0; i < stored; ++i) {
        const uint8_t byte = file[at + i];
        if (nibbles) push(byte >> 4);
        push(nibbles ? byte & 15 : byte);
      }
      if (stored < announced) break;
      at += stored;
      x += value;
      at += at % 2;
    }
  }
  return out;
}

}  // namespace

Result<Decoded> decode_bmp(std::span<const uint8_t> bytes, const DecodeOptions& options,
                           ImageHeader& header) {
  auto bmp = read_header(bytes);
  if (!bmp) return bmp.error();
  auto layout = find_layout(*bmp);
  if (!layout) return layout.error();
  if (const auto status = check_size("BMP", bmp->width, bmp->height, options); !status) {
    return placed(status.error(), place(kWidthAt));
  }
  header.width = static_cast<int>(bmp->width);
  header.height = static_cast<int>(bmp->height);
  const auto width = static_cast<size_t>(header.width);
  const auto height = static_cast<size_t>(header.height);

  Palette palette;
  bool bilevel = false;
  if (layout->kind == Layout::kIndexed) {
    auto found = read_palette(bytes, *bmp);
    if (!found) return found.error();
    palette = *found;
    if (palette.gray) {  // Pillow then takes the samples as they are, whatever their size
      bilevel = bmp->colors == 2;
      layout->bits = bilevel ? 1 : 8;
      if (bilevel) palette.colors[1].fill(255);
    }
  }
  const uint64_t start = bmp->pixels != 0 ? bmp->pixels : bmp->end;
  const auto truncated = [&] {
    return corrupt({"the data ends before the image does; send the whole file"}, bytes.size());
  };
  const auto target = [&](size_t y) {
    return static_cast<int>(bmp->top_down ? y : height - 1 - y);
  };

  if (bmp->compression == kRle8 || bmp->compression == kRle4) {
    if (layout->kind != Layout::kIndexed || bilevel) {
      return unsupported({"run lengths of such pixels are"}, kCompressionAt);
    }
    if (start > bytes.size()) return truncated();
    const auto indices = expand_runs(bytes, static_cast<size_t>(start), width, width * height,
                                     bmp->compression == kRle4);
    if (indices.size() < width * height) return truncated();
    layout->bits = 8;
    Decoded decoded{Image::allocate(header.height, header.width), 1};
    for (size_t y = 0; y < height; ++y) {
      convert_row(*layout, palette, indices.data() + y * width, decoded.image, target(y));
    }
    return decoded;
  }

  const uint64_t stride = (uint64_t{width} * bmp->bits + 31) / 32 * 4;
  const uint64_t row_bytes = (uint64_t{width} * layout->bits + 7) / 8;
  if (row_bytes > stride)
    return corrupt({"a row has ", stride, " bytes, its pixels ", row_bytes}, bmp->bits_at);
  if (start + stride * (height - 1) + row_bytes > bytes.size()) return truncated();
  Decoded decoded{Image::allocate(header.height, header.width), 1};
  for (size_t y = 0; y < height; ++y) {
    const uint8_t* row = bytes.data() + static_cast<size_t>(start + stride * y);
    convert_row(*layout, palette, row, decoded.image, target(y));
  }
  return decoded;
}

}  // namespace beralih::codecs
