// GIF's first frame, as Pillow's GifImagePlugin.py and GifDecode.c read it.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "codecs/codecs.h"
#include "message.h"

namespace beralih::codecs {

namespace {

using Bytes = std::span<const uint8_t>;

Error corrupt(std::initializer_list<Part> what, uint64_t at) {
  return placed(error_of(ErrorCode::kCorruptImage, "GIF: ", what), place(at));
}

Error cut_off(size_t at) {
  return corrupt({"the data ends before the first frame does; send the whole file"}, at);
}

struct Frame {
  int width = 0, height = 0;  // of the picture
  int left = 0, top = 0, right = 0, bottom = 0;
  bool interlaced = false;
  size_t at = 0;        // where the frame's own header stands
  bool larger = false;  // than the screen, so that its header decides the picture's size
  uint8_t fill = 0;     // the index that the picture is filled with first
  int code_bits = 0;
  size_t data = 0;  // where its blocks start
  Bytes palette;    // RGB triples; empty for a gray ramp
};

/// What stands before the compressed data.
class HeaderReader {
 public:
  explicit HeaderReader(Bytes file) : file_(file) {}

  Result<Frame> read() {
    if (file_.size() < 13) return cut_off(file_.size());
    frame_.width = u16(6);
    frame_.height = u16(8);
    at_ = 13;
    if ((file_[10] & 128) != 0 && !read_palette(file_[10], frame_.palette)) {
      return cut_off(at_);
    }
    while (true) {
      if (at_ >= file_.size() || file_[at_] == ';') {
        return corrupt({"there is no frame"}, at_);
      }
      const uint8_t tag = file_[at_++];
      if (tag == ',') return read_frame();
      const size_t start = at_ - 1;
      if (tag == '!' && !read_extension()) {
        return corrupt({"an extension is damaged or cut off"}, start);
      }
    }
  }

 private:
  int u16(size_t at) const { return file_[at] | file_[at + 1] << 8; }

  /// Leaves `palette` empty where it maps every index to its own gray, as Pillow does.
  bool read_palette(int flags, Bytes& palette) {
    const size_t size = size_t{3} << ((flags & 7) + 1);
    if (file_.size() - at_ < size) return false;
    const Bytes entries = file_.subspan(at_, size);
    at_ += size;
    for (size_t i = 0; i < size; ++i) {
      if (entries[i] != i / 3) {
        palette = entries;
        break;
      }
    }
    return true;
  }

  /// A block of an extension, shorter where the file ends; nothing where a terminator stands.
  std::optional<Bytes> block() {
    if (at_ >= file_.size()) return std::nullopt;
    const size_t size = file_[at_++];
    if (size == 0) return std::nullopt;
    const Bytes data = file_.subspan(at_, std::min(size, file_.size() - at_));
    at_ += data.size();
    return data;
  }

  bool read_extension() {
    if (at_ >= file_.size()) return false;
    const uint8_t label = file_[at_++];
    auto data = block();
    constexpr uint8_t kControl = 249, kComment = 254, kApplication = 255;
    if (label == kComment) {
      while (data && !data->empty()) data = block();
      return true;
    }
    if (label == kControl) {
      if (!data || data->size() < 3) return false;
      if (((*data)[0] & 1) != 0) {
        if (data->size() < 4) return false;
        frame_.fill = (*data)[3];
      }
    } else if (label == kApplication) {
      if (!data) return false;
      constexpr std::string_view kLoop = "NETSCAPE2.0";
      if (data->size() >= kLoop.size() && std::equal(kLoop.begin(), kLoop.end(), data->begin()) &&
          !block()) {
        return false;
      }
    }
    do {
      data = block();
    } while (data && !data->empty());
    return true;
  }

  Result<Frame> read_frame() {
    frame_.at = at_ - 1;
    if (file_.size() - at_ < 9) return cut_off(at_);
    frame_.left = u16(at_);
    frame_.top = u16(at_ + 2);
    frame_.right = frame_.left + u16(at_ + 4);
    frame_.bottom = frame_.top + u16(at_ + 6);
    const uint8_t flags = file_[at_ + 8];
    at_ += 9;
    // A frame that reaches over the screen makes the picture larger.
    frame_.larger = frame_.right > frame_.width || frame_.bottom > frame_.height;
    frame_.width = std::max(frame_.width, frame_.right);
    frame_.height = std::max(frame_.height, frame_.bottom);
    frame_.interlaced = (flags & 64) != 0;
    if ((flags & 128) != 0 && !read_palette(flags, frame_.palette)) {
      return cut_off(at_);
    }
    if (at_ >= file_.size()) return cut_off(at_);
    frame_.code_bits = file_[at_++];
    frame_.data = at_;
    return frame_;
  }

  Bytes file_;
  size_t at_ = 0;
  Frame frame_;
};

/// The next place to write, row by row; interlaced rows come in four passes.
class Cursor {
 public:
  Cursor(Image& image, const Frame& frame) : image_(image) {
    left_ = frame.left;
    top_ = frame.top;
    width_ = frame.right - frame.left;
    height_ = frame.bottom - frame.top;
    if (frame.interlaced) pass_ = 1, step_ = 8;
  }

  /// False once the last pixel is written.
  bool put(const uint8_t* rgb) {
    std::copy_n(rgb, 3, image_.row(top_ + y_) + static_cast<size_t>(left_ + x_) * 3);
    if (++x_ < width_) return true;
    x_ = 0;
    y_ += step_;
    while (y_ >= height_) {
      if (pass_ == 0) return false;
      step_ = pass_ == 3 ? 2 : pass_ == 2 ? 4 : 8;
      y_ = pass_ == 3 ? 1 : pass_ == 2 ? 2 : 4;
      pass_ = pass_ == 3 ? 0 : pass_ + 1;
    }
    return true;
  }

 private:
  Image& image_;
  int left_, top_, width_, height_;
  int x_ = 0, y_ = 0;
  int step_ = 1, pass_ = 0;
};

/// GifDecode.c's LZW.
class Decompressor {
 public:
  /// `start`: where `data` stands in the file.
  Decompressor(Bytes data, size_t start, int code_bits)
      : data_(data), start_(start), bits_(code_bits), clear_(1 << code_bits) {}

  template <typename Put>
  Status run(Put&& put) {
    reset();
    while (true) {
      const auto code = next_code();
      if (!code) return cut_off(start_ + data_.size());
      if (*code == clear_) {
        reset();
        continue;
      }
      if (*code == clear_ + 1) {
        // Pillow goes on after an end code where it has not read the whole file yet.
        if (!next_step()) {
          return corrupt({"the data ends before the image does"}, start_ + at_);
        }
        continue;
      }
      const auto string = expand(*code);
      if (!string) return corrupt({"the compressed data is broken"}, start_ + at_);
      for (const uint8_t index : *string) {
        if (!put(index)) return Ok{};
      }
    }
  }

 private:
  static constexpr int kTableBits = 12;
  static constexpr int kTableSize = 1 << kTableBits;
  static constexpr size_t kStringBytes = kTableSize + 1;
  static constexpr size_t kStepBytes = 65536;  // ImageFile.py, MAXBLOCK

  void reset() {
    next_ = clear_ + 2;
    code_size_ = bits_ + 1;
    fresh_ = true;
  }

  bool next_step() {
    if (available_ == data_.size()) return false;
    available_ = std::min(available_ + kStepBytes, data_.size());
    return true;
  }

  std::optional<int> next_code() {
    while (bit_count_ < code_size_) {
      if (block_left_ > 0) {
        bit_buffer_ |= uint32_t{data_[at_++]} << bit_count_;
        bit_count_ += 8;
        --block_left_;
      } else if (available_ - at_ < 1 || available_ - at_ < size_t{data_[at_]} + 1) {
        if (!next_step()) return std::nullopt;
      } else {
        block_left_ = data_[at_++];  // a terminator is passed over
      }
    }
    const int code = static_cast<int>(bit_buffer_ & ((1u << code_size_) - 1));
    bit_buffer_ >>= code_size_;
    bit_count_ -= code_size_;
    return code;
  }

  std::optional<Bytes> expand(int code) {
    size_t start = kStringBytes;
    if (fresh_) {
      if (code > clear_) return std::nullopt;
      last_data_ = static_cast<uint8_t>(code);
      last_code_ = code;
      fresh_ = false;
      string_[--start] = last_data_;
      return Bytes(string_).subspan(start);
    }
    const int this_code = code;
    if (code > next_) return std::nullopt;
    if (code == next_) {
      string_[--start] = last_data_;
      code = last_code_;
    }
    while (code >= clear_) {
      // One place stays for the literal below, which Pillow keeps elsewhere.
      if (start <= 1 || code >= kTableSize) return std::nullopt;
      string_[--start] = suffix_[static_cast<size_t>(code)];
      code = prefix_[static_cast<size_t>(code)];
    }
    last_data_ = static_cast<uint8_t>(code);
    string_[--start] = last_data_;
    if (next_ < kTableSize) {
      suffix_[static_cast<size_t>(next_)] = last_data_;
      prefix_[static_cast<size_t>(next_)] = static_cast<uint16_t>(last_code_);
      if (next_ == (1 << code_size_) - 1 && code_size_ < kTableBits) ++code_size_;
      ++next_;
    }
    last_code_ = this_code;
    return Bytes(string_).subspan(start);
  }

  Bytes data_;
  size_t start_;
  size_t at_ = 0;
  size_t available_ = 0;
  size_t block_left_ = 0;
  uint32_t bit_buffer_ = 0;
  int bit_count_ = 0;
  int bits_, clear_;
  int code_size_ = 0, next_ = 0;
  bool fresh_ = true;  // no symbol since the last clear code
  uint8_t last_data_ = 0;
  int last_code_ = 0;
  std::array<uint8_t, kTableSize> suffix_{};
  std::array<uint16_t, kTableSize> prefix_{};
  std::array<uint8_t, kStringBytes> string_{};
};

}  // namespace

Result<Decoded> decode_gif(std::span<const uint8_t> bytes, const DecodeOptions& options,
                           ImageHeader& header) {
  const auto read = HeaderReader(bytes).read();
  if (!read) return read.error();
  Frame frame = *read;
  header.width = frame.width;
  header.height = frame.height;
  if (const auto status = check_size("GIF", frame.width, frame.height, options); !status) {
    constexpr size_t kScreenAt = 6;
    return placed(status.error(), place(frame.larger ? frame.at : kScreenAt));
  }
  if (frame.left == 0 && frame.right == 0) {  // decode.c takes such a tile for the whole picture
    frame.top = 0;
    frame.right = frame.width;
    frame.bottom = frame.height;
  }
  if (frame.right <= frame.left || frame.bottom <= frame.top) {
    return corrupt({"the first frame has no pixels, ", frame.right - frame.left, " x ",
                    frame.bottom - frame.top},
                   frame.at);
  }
  constexpr int kMaxCodeBits = 12;
  if (frame.code_bits > kMaxCodeBits) {
    return corrupt({"codes of ", frame.code_bits, " bits are not allowed"}, frame.data - 1);
  }

  std::array<std::array<uint8_t, 3>, 256> palette;
  for (size_t i = 0; i < palette.size(); ++i) palette[i].fill(static_cast<uint8_t>(i));
  for (size_t i = 0; i < frame.palette.size() / 3; ++i) {
    std::copy_n(frame.palette.data() + i * 3, 3, palette[i].data());
  }
  Decoded decoded{Image::allocate(frame.height, frame.width), 1};
  auto& pixels = decoded.image.pixels;
  for (size_t i = 0; i < pixels.size(); i += 3) {
    std::copy_n(palette[frame.fill].data(), 3, pixels.data() + i);
  }
  Cursor cursor(decoded.image, frame);
  const auto status =
      Decompressor(bytes.subspan(frame.data), frame.data, frame.code_bits).run([&](uint8_t index) {
        return cursor.put(palette[index].data());
      });
  if (!status) return status.error();
  return decoded;
}

}  // namespace beralih::codecs
