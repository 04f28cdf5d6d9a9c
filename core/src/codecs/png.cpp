// PNG pixels: inflate, filters, interlacing and sample formats as Pillow's ZipDecode.c and
// Unpack.c.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "codecs/codecs.h"
#include "codecs/png_container.h"
#include "memory.h"
#include "message.h"

namespace beralih::codecs {

namespace {

// Adam7 (ZipDecode.c 24-37); a plain image is its last pass with every row and column.
struct Pass {
  uint32_t x, y, step_x, step_y;
};
constexpr std::array<Pass, 7> kAdam7{
    {{0, 0, 8, 8},
     {4, 0, 8, 8},
     {0, 4, 4, 8},
     {2, 0, 4, 4},
     {0, 2, 2, 4},
     {1, 0, 2, 2},
     {0, 1, 1, 2}}
};
constexpr Pass kWhole{0, 0, 1, 1};

constexpr std::string_view kHead = "PNG: ";

Error corrupt(std::initializer_list<Part> what) {
  return error_of(ErrorCode::kCorruptImage, kHead, what);
}

int samples_per_pixel(int color_type) {
  switch (color_type) {
    case 2: return 3;
    case 4: return 2;
    case 6: return 4;
    default: return 1;
  }
}

int paeth(int left, int up, int corner) {
  const int p = left + up - corner;
  const int pl = std::abs(p - left), pu = std::abs(p - up), pc = std::abs(p - corner);
  if (pl <= pu && pl <= pc) return left;
  return pu <= pc ? up : corner;
}

/// Undoes a row's filter in place; `row` and `previous` without the filter byte. False: unknown
/// filter.
bool unfilter(int filter, std::span<uint8_t> row, std::span<const uint8_t> previous, size_t bpp) {
  const auto left = [&](size_t i) { return i < bpp ? 0 : row[i - bpp]; };
  const auto corner = [&](size_t i) { return i < bpp ? 0 : previous[i - bpp]; };
  const auto add = [&](size_t i, int value) { row[i] = static_cast<uint8_t>(row[i] + value); };
  switch (filter) {
    case 0: return true;
    case 1:
      for (size_t i = bpp; i < row.size(); ++i) add(i, row[i - bpp]);
      return true;
    case 2:
      for (size_t i = 0; i < row.size(); ++i) add(i, previous[i]);
      return true;
    case 3:
      for (size_t i = 0; i < row.size(); ++i) add(i, (left(i) + previous[i]) / 2);
      return true;
    case 4:
      for (size_t i = 0; i < row.size(); ++i) add(i, paeth(left(i), previous[i], corner(i)));
      return true;
    default: return false;
  }
}

/// Turns a pixel of an unfiltered row into RGB.
class PixelReader {
 public:
  PixelReader(const PngHeader& header, std::span<const uint8_t> stored_palette, Gray16Mode gray16)
      : header_(header), gray16_(gray16) {
    // Palette.c: what the file does not define is a gray ramp.
    for (size_t i = 0; i < 256; ++i) palette_[i].fill(static_cast<uint8_t>(i));
    for (size_t i = 0; i < std::min<size_t>(stored_palette.size() / 3, 256); ++i) {
      std::copy_n(stored_palette.data() + i * 3, 3, palette_[i].data());
    }
  }

  /// What Pillow starts from: zeros, which a palette gives the colour of its first entry.
  std::array<uint8_t, 3> blank_pixel() const {
    return header_.color_type == 3 ? palette_[0] : std::array<uint8_t, 3>{};
  }
  Image blank(int height, int width) const {
    Image image = Image::allocate(height, width);
    const auto first = blank_pixel();
    if (first == std::array<uint8_t, 3>{}) return image;
    for (size_t i = 0; i < image.pixels.size(); i += Image::kChannels) {
      std::copy_n(first.data(), Image::kChannels, image.pixels.data() + i);
    }
    return image;
  }

  void read(const uint8_t* row, size_t x, uint8_t* rgb) const {
    const bool wide = header_.bit_depth == 16;
    switch (header_.color_type) {
      case 2:
      case 6: {
        const size_t step = wide ? 2 : 1;  // 16 bits: the high byte (Unpack.c 617)
        const uint8_t* pixel =
            row + x * static_cast<size_t>(samples_per_pixel(header_.color_type)) * step;
        for (size_t c = 0; c < 3; ++c) rgb[c] = pixel[c * step];
        return;
      }
      case 3: std::copy_n(palette_[packed_sample(row, x)].data(), 3, rgb); return;
      case 4: std::fill_n(rgb, 3, row[x * (wide ? 4 : 2)]); return;
      default: std::fill_n(rgb, 3, wide ? gray16(row + x * 2) : scaled_gray(row, x));
    }
  }

 private:
  // Samples of 1, 2, 4 or 8 bits, packed from the most significant bit.
  uint8_t packed_sample(const uint8_t* row, size_t x) const {
    const auto depth = static_cast<size_t>(header_.bit_depth);
    if (depth == 8) return row[x];
    const size_t bit = x * depth;
    const unsigned shift = static_cast<unsigned>(8 - depth - bit % 8);
    return static_cast<uint8_t>(row[bit / 8] >> shift & ((1u << depth) - 1));
  }
  uint8_t scaled_gray(const uint8_t* row, size_t x) const {
    const int maximum = (1 << header_.bit_depth) - 1;
    return static_cast<uint8_t>(packed_sample(row, x) * (255 / maximum));
  }
  uint8_t gray16(const uint8_t* sample) const {
    if (gray16_ == Gray16Mode::kHighByte) return sample[0];
    return sample[0] == 0 ? sample[1] : uint8_t{255};  // Convert.c 855: I to RGB saturates
  }

  PngHeader header_;
  Gray16Mode gray16_;
  std::array<std::array<uint8_t, 3>, 256> palette_{};
};

/// Inflates the container's image data row by row.
class RowInflater {
 public:
  explicit RowInflater(PngContainer& container) : container_(container) {
    ready_ = inflateInit(&stream_) == Z_OK;
  }
  ~RowInflater() {
    if (ready_) inflateEnd(&stream_);
  }
  RowInflater(const RowInflater&) = delete;
  RowInflater& operator=(const RowInflater&) = delete;

  bool ended() const { return ended_; }

  /// Fills `out`, or says why it cannot.
  Status read(std::span<uint8_t> out) {
    if (!ready_) return out_of_memory();
    stream_.next_out = out.data();
    stream_.avail_out = static_cast<uInt>(out.size());
    while (stream_.avail_out > 0) {
      if (stream_.avail_in == 0 || ended_) {
        const auto piece = container_.next_data();
        if (!piece) return piece.error();
        stream_.next_in = const_cast<Bytef*>(piece->data());
        stream_.avail_in = static_cast<uInt>(piece->size());
        continue;
      }
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (code < 0 || code == Z_NEED_DICT) {
        const bool said = stream_.msg != nullptr;
        return corrupt({"the compressed data is broken", said ? ": " : "", said ? stream_.msg : "",
                        container_.data_place()});
      }
      ended_ = code == Z_STREAM_END;
    }
    return Ok{};
  }

 private:
  PngContainer& container_;
  z_stream stream_{};
  bool ready_ = false;
  bool ended_ = false;
};

/// Takes the rows of a frame's passes.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  /// Row `y` of the frame, of which the pass holds `columns` pixels.
  virtual void row(const Pass& pass, uint32_t y, size_t columns, const uint8_t* samples) = 0;
};

class ImageSink : public FrameSink {
 public:
  ImageSink(const PixelReader& pixels, const PngFrame& frame, Image& image)
      : pixels_(pixels), frame_(frame), image_(image) {}

  void row(const Pass& pass, uint32_t y, size_t columns, const uint8_t* samples) override {
    uint8_t* to =
        image_.row(static_cast<int>(y + frame_.y)) + size_t{frame_.x + pass.x} * Image::kChannels;
    for (size_t x = 0; x < columns; ++x, to += size_t{pass.step_x} * Image::kChannels) {
      pixels_.read(samples, x, to);
    }
  }

 private:
  const PixelReader& pixels_;
  PngFrame frame_;
  Image& image_;
};

/// Hands the rows that a consumer needs on, some at once.
class ConsumerSink : public FrameSink {
 public:
  ConsumerSink(const PixelReader& pixels, const Region& region, RowConsumer& consumer,
               uint8_t* lines)
      : pixels_(pixels), region_(region), consumer_(consumer), next_(region.top) {
    for (size_t i = 0; i < kBatch; ++i) rows_[i] = lines + i * row_bytes(region);
  }

  static constexpr size_t kBatch = 16;
  static size_t row_bytes(const Region& region) {
    return static_cast<size_t>(region.right - region.left) * 4;
  }

  void row(const Pass&, uint32_t y, size_t, const uint8_t* samples) override {
    if (static_cast<int>(y) < region_.top || static_cast<int>(y) >= region_.bottom) return;
    uint8_t* to = rows_[filled_];
    for (int x = region_.left; x < region_.right; ++x, to += 4) {
      pixels_.read(samples, static_cast<size_t>(x), to);
    }
    if (++filled_ == kBatch) flush();
  }

  /// What a stream that ends early leaves out is blank.
  void finish() {
    const auto blank = pixels_.blank_pixel();
    while (next_ + static_cast<int>(filled_) < region_.bottom) {
      for (size_t i = 0; i < row_bytes(region_); i += 4) {
        std::copy_n(blank.data(), blank.size(), rows_[filled_] + i);
      }
      if (++filled_ == kBatch) flush();
    }
    flush();
  }

 private:
  void flush() {
    if (filled_ > 0) {
      consumer_.rows(next_, static_cast<int>(filled_), rows_.data(), region_.left);
    }
    next_ += static_cast<int>(filled_);
    filled_ = 0;
  }

  const PixelReader& pixels_;
  Region region_;
  RowConsumer& consumer_;
  int next_;  ///< the first row that was not handed on yet
  size_t filled_ = 0;
  std::array<uint8_t*, kBatch> rows_;
};

class FrameDecoder {
 public:
  FrameDecoder(PngContainer& container, FrameSink& sink)
      : container_(container), sink_(sink), inflater_(container) {}

  Status decode() {
    if (!container_.header().interlaced) {
      return decode_pass(kWhole);
    }
    for (const Pass& pass : kAdam7) {
      if (const auto status = decode_pass(pass); !status) return status;
      if (inflater_.ended()) break;
    }
    return Ok{};
  }

 private:
  Status decode_pass(const Pass& pass) {
    const auto& frame = container_.frame();
    const auto& header = container_.header();
    const uint64_t columns = (uint64_t{frame.width} + pass.step_x - 1 - pass.x) / pass.step_x;
    if (columns == 0 || pass.y >= frame.height) return Ok{};
    const uint64_t bits =
        static_cast<uint64_t>(samples_per_pixel(header.color_type) * header.bit_depth);
    // Two rows are kept: what an image of one row needs must not pass what its pixels do. 64 bits:
    // 80,000,000 columns of 64 bits do not fit in WASM's size_t.
    constexpr uint64_t kLargestRow = uint64_t{1} << 28;
    const uint64_t row_size = (columns * bits + 7) / 8;
    if (row_size > kLargestRow) {
      return error_of(
          ErrorCode::kImageTooLarge, kHead,
          {"a row of ", row_size, " bytes is larger than 256 MiB", container_.header_place()});
    }
    const auto row_bytes = static_cast<size_t>(row_size);
    const auto bpp = static_cast<size_t>((bits + 7) / 8);
    std::vector<uint8_t> row(row_bytes + 1), previous(row_bytes + 1);
    for (uint32_t y = pass.y; y < frame.height; y += pass.step_y) {
      if (const auto status = inflater_.read(row); !status) {
        return placed(status.error(), joined({", in row ", y}));
      }
      const std::span<uint8_t> samples(row.data() + 1, row_bytes);
      if (!unfilter(row[0], samples, {previous.data() + 1, row_bytes}, bpp)) {
        return corrupt({"row ", y, " has unknown filter ", row[0], container_.data_place()});
      }
      sink_.row(pass, y, static_cast<size_t>(columns), samples.data());
      // ZipDecode.c: a stream that ends early leaves the rest of the picture blank.
      if (inflater_.ended()) return Ok{};
      std::swap(row, previous);
    }
    return Ok{};
  }

  PngContainer& container_;
  FrameSink& sink_;
  RowInflater inflater_;
};

/// Up to the first image data; fills `header`.
Status open(PngContainer& container, const DecodeOptions& options, ImageHeader& header) {
  if (const auto status = container.read_header(); !status) return status.error();
  const auto& png = container.header();
  if (const auto status = check_size("PNG", png.width, png.height, options); !status) {
    return placed(status.error(), container.header_place());
  }
  header.width = static_cast<int>(png.width);
  header.height = static_cast<int>(png.height);
  if (container.frame().width == 0 || container.frame().height == 0) {
    return corrupt({"the first frame has no pixels", container.frame_place()});
  }
  return Ok{};
}

/// What stands behind the pixels decides too.
Result<int> finish(PngContainer& container, const DecodeOptions& options) {
  if (const auto status = container.read_trailer(); !status) return status.error();
  if (options.exif == ExifMode::kIgnore) return 1;
  return container.orientation();
}

}  // namespace

Result<Decoded> decode_png(std::span<const uint8_t> bytes, const DecodeOptions& options,
                           ImageHeader& header) {
  PngContainer container(bytes);
  if (const auto status = open(container, options, header); !status) return status.error();
  const PixelReader pixels(container.header(), container.palette(), options.gray16);
  Decoded decoded{pixels.blank(header.height, header.width), 1};
  ImageSink sink(pixels, container.frame(), decoded.image);
  if (const auto status = FrameDecoder(container, sink).decode(); !status) return status.error();
  const auto orientation = finish(container, options);
  if (!orientation) return orientation.error();
  decoded.orientation = *orientation;
  return decoded;
}

Result<bool> stream_png(std::span<const uint8_t> bytes, const DecodeOptions& options,
                        ImageHeader& header, RowConsumer& consumer, LineMemory& lines) {
  PngContainer container(bytes);
  if (const auto status = open(container, options, header); !status) return status.error();
  const auto& png = container.header();
  const auto& frame = container.frame();
  if (png.interlaced || frame.width != png.width || frame.height != png.height) return false;
  const auto region = consumer.begin({header.height, header.width});
  if (!region) return false;
  uint8_t* memory = lines.room(ConsumerSink::row_bytes(*region) * ConsumerSink::kBatch +
                               static_cast<size_t>(region->readable_behind));
  if (memory == nullptr) return false;
  const PixelReader pixels(png, container.palette(), options.gray16);
  ConsumerSink sink(pixels, *region, consumer, memory);
  if (const auto status = FrameDecoder(container, sink).decode(); !status) return status.error();
  const auto orientation = finish(container, options);
  if (!orientation) return orientation.error();
  if (*orientation != 1) return false;
  sink.finish();
  return true;
}

}  // namespace beralih::codecs
