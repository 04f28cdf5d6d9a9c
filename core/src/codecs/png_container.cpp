#include "codecs/png_container.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "codecs/codecs.h"
#include "codecs/exif.h"
#include "message.h"

namespace beralih::codecs {

namespace {

// PngImagePlugin.py 87-92.
constexpr size_t kMaxTextChunk = 1 << 20;
constexpr size_t kMaxTextMemory = 64 * kMaxTextChunk;
// Pillow does not count colour profiles and texts without a name; a small file could hold
// thousands.
constexpr size_t kMaxInflated = 2 * kMaxTextMemory;

constexpr uint32_t tag(const char (&name)[5]) {
  return static_cast<uint32_t>(static_cast<uint8_t>(name[0])) << 24 |
         static_cast<uint32_t>(static_cast<uint8_t>(name[1])) << 16 |
         static_cast<uint32_t>(static_cast<uint8_t>(name[2])) << 8 |
         static_cast<uint32_t>(static_cast<uint8_t>(name[3]));
}

uint32_t u32(std::span<const uint8_t> bytes, size_t at) {
  return static_cast<uint32_t>(bytes[at]) << 24 | static_cast<uint32_t>(bytes[at + 1]) << 16 |
         static_cast<uint32_t>(bytes[at + 2]) << 8 | bytes[at + 3];
}

std::string tag_name(uint32_t type) {
  std::string name;
  for (int shift = 24; shift >= 0; shift -= 8) name += static_cast<char>(type >> shift & 0xFF);
  return name;
}

Error corrupt(std::initializer_list<Part> reason) {
  return error_of(ErrorCode::kCorruptImage, "PNG: ", reason);
}

Error short_chunk() { return corrupt({"a chunk is too short"}); }

// re \w on bytes (PngImagePlugin.py 46).
bool is_word_character(uint8_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

std::string as_string(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Splits at the first NUL; nullopt where there is none.
std::optional<std::pair<std::span<const uint8_t>, std::span<const uint8_t>>> split(
    std::span<const uint8_t> bytes) {
  const auto nul = std::find(bytes.begin(), bytes.end(), uint8_t{0});
  if (nul == bytes.end()) return std::nullopt;
  const auto at = static_cast<size_t>(nul - bytes.begin());
  return std::pair(bytes.first(at), bytes.subspan(at + 1));
}

enum class Inflated { kDone, kInvalid, kTooLarge };

// _safe_zlib_decompress (PngImagePlugin.py 141): at most kMaxTextChunk bytes may come out. The room
// grows with what does: a file may have a million such chunks of twenty bytes.
Inflated inflate_text(std::span<const uint8_t> in, std::string& out) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return Inflated::kInvalid;
  stream.next_in = const_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  int code = Z_OK;
  while (code == Z_OK && stream.avail_out == 0 && out.size() < kMaxTextChunk) {
    const size_t had = out.size();
    out.resize(std::clamp<size_t>(had * 4, 1024, kMaxTextChunk));
    stream.next_out = reinterpret_cast<Bytef*>(out.data()) + had;
    stream.avail_out = static_cast<uInt>(out.size() - had);
    code = inflate(&stream, Z_SYNC_FLUSH);
  }
  out.resize(out.size() - stream.avail_out);
  const bool input_left = stream.avail_in > 0 && code != Z_STREAM_END;
  const bool output_full = stream.avail_out == 0;
  inflateEnd(&stream);
  if (code < 0 && code != Z_BUF_ERROR) return Inflated::kInvalid;
  return input_left && output_full ? Inflated::kTooLarge : Inflated::kDone;
}

bool known_mode(int bit_depth, int color_type) {
  switch (color_type) {
    case 0:
      return bit_depth == 1 || bit_depth == 2 || bit_depth == 4 || bit_depth == 8 ||
             bit_depth == 16;
    case 3: return bit_depth == 1 || bit_depth == 2 || bit_depth == 4 || bit_depth == 8;
    case 2:
    case 4:
    case 6: return bit_depth == 8 || bit_depth == 16;
    default: return false;
  }
}

}  // namespace

std::optional<PngContainer::Chunk> PngContainer::next_chunk() {
  if (pending_) return std::exchange(pending_, std::nullopt);
  if (position_ > file_.size() || file_.size() - position_ < 8) return std::nullopt;
  const auto at = static_cast<size_t>(position_);
  Chunk chunk;
  chunk.at = at;
  chunk.length = u32(file_, at);
  chunk.type = u32(file_, at + 4);
  for (size_t i = 4; i < 8; ++i) {
    if (!is_word_character(file_[at + i])) return std::nullopt;
  }
  const size_t available = file_.size() - at - 8;
  chunk.data = file_.subspan(at + 8, std::min<size_t>(chunk.length, available));
  position_ += uint64_t{8} + chunk.length + 4;
  return chunk;
}

bool PngContainer::check_crc(const Chunk& chunk) {
  if (position_ > file_.size()) return false;
  const uint8_t* type = chunk.data.data() - 4;
  const auto crc = crc32(crc32(0, nullptr, 0), type, static_cast<uInt>(chunk.data.size() + 4));
  return crc == u32(file_, static_cast<size_t>(position_) - 4);
}

std::span<const uint8_t> PngContainer::image_data(const Chunk& chunk) const {
  // fdAT carries a sequence number before its data.
  return chunk.type == tag("fdAT") ? chunk.data.subspan(std::min<size_t>(4, chunk.data.size()))
                                   : chunk.data;
}

Status PngContainer::read_header() {
  for (;;) {
    const auto chunk = next_chunk();
    if (!chunk) return corrupt({"the chunks end before the image data", here()});
    if (chunk->type == tag("IEND"))
      return corrupt({"there is no image data before IEND", chunk->text()});
    const bool data = chunk->type == tag("IDAT") || chunk->type == tag("fdAT");
    if (!data && !chunk->complete()) return cut_off(*chunk);
    if (const auto handled = handle(*chunk); !handled) return handled;
    if (data) {
      if (header_at_.type == 0) {
        return corrupt({"there is no IHDR before the image data", chunk->text()});
      }
      if (!known_mode(header_.bit_depth, header_.color_type)) {
        return corrupt({"bit depth ", header_.bit_depth, " with colour type ", header_.color_type,
                        " is not defined", header_place()});
      }
      if (!has_frame_control_) {
        frame_ = {0, 0, header_.width, header_.height};
        frame_at_ = header_at_;
      }
      default_image_ = !has_frame_control_ && animation_frames_.has_value();
      pending_ = chunk;
      return Ok{};
    }
    if (!check_crc(*chunk)) return corrupt({"a checksum is wrong", chunk->text()});
  }
}

Result<std::span<const uint8_t>> PngContainer::next_data() {
  const auto chunk = next_chunk();
  if (!chunk) return corrupt({"the data ends before the image does", here()});
  const bool data =
      chunk->type == tag("IDAT") || chunk->type == tag("fdAT") || chunk->type == tag("DDAT");
  if (!data) {
    pending_ = chunk;
    return corrupt({"another chunk comes before the image is complete", chunk->text()});
  }
  if (data_started_ && chunk->type == tag("fdAT")) {
    if (const auto handled = handle(*chunk); !handled) return handled.error();
  }
  data_started_ = true;
  data_at_ = *chunk;
  return image_data(*chunk);
}

Status PngContainer::read_trailer() {
  const uint32_t frames = animation_frames_.value_or(1) + (default_image_ ? 1 : 0);
  for (;;) {
    const auto chunk = next_chunk();
    if (!chunk || chunk->type == tag("IEND")) return Ok{};
    if (chunk->type == tag("fcTL") && frames > 1) return Ok{};
    if (!chunk->complete()) return cut_off(*chunk);
    if (const auto handled = handle(*chunk); !handled) return handled;
  }
}

std::string PngContainer::Place::text() const { return place(at, tag_name(type) + " chunk"); }

std::string PngContainer::here() const {
  return place(std::min<uint64_t>(position_, file_.size()));
}

Error PngContainer::cut_off(const Chunk& chunk) {
  return corrupt({"the file ends inside a chunk", chunk.text()});
}

Status PngContainer::handle(const Chunk& chunk) {
  current_ = chunk;
  auto status = handle_data(chunk);
  if (status) return status;
  return placed(status.error(), chunk.text());
}

Status PngContainer::handle_data(const Chunk& chunk) {
  const auto data = chunk.data;
  const auto need = [&](size_t bytes) -> Status {
    if (data.size() < bytes) return short_chunk();
    return Ok{};
  };
  switch (chunk.type) {
    case tag("IHDR"):
      if (data.size() < 13) return short_chunk();
      header_ = {u32(data, 0), u32(data, 4), data[8], data[9], data[12] != 0};
      header_at_ = current_;
      if (data[11] != 0) return corrupt({"unknown filter method ", data[11]});
      return Ok{};
    case tag("PLTE"):
      if (header_.color_type == 3 && data.size() / 3 > 256) {
        return corrupt({"the palette has more than 256 colours"});
      }
      palette_ = data;
      return Ok{};
    case tag("tRNS"):
      if (header_.color_type == 0) return need(2);
      if (header_.color_type == 2) return need(6);
      return Ok{};
    case tag("gAMA"): return need(4);
    case tag("sRGB"): return need(1);
    case tag("pHYs"): return need(9);
    case tag("cHRM"):
      if (data.size() % 4 != 0) return short_chunk();
      return Ok{};
    case tag("iCCP"): return handle_profile(data);
    case tag("tEXt"): return handle_text(data);
    case tag("zTXt"): return handle_compressed_text(data);
    case tag("iTXt"): return handle_international_text(data);
    case tag("eXIf"):
      exif_ = as_string(data);
      exif_at_ = current_;
      return Ok{};
    case tag("acTL"): {
      if (data.size() < 8) return short_chunk();
      if (animation_frames_) {  // a second one: Pillow falls back to a still image
        animation_frames_.reset();
        return Ok{};
      }
      const uint32_t frames = u32(data, 0);
      if (frames != 0 && frames <= 0x80000000u) animation_frames_ = frames;
      return Ok{};
    }
    case tag("fcTL"): return handle_frame_control(data);
    case tag("fdAT"): {
      if (chunk.length < 4 || data.size() < 4) return short_chunk();
      const int64_t sequence = u32(data, 0);
      if (!frame_sequence_ || *frame_sequence_ != sequence - 1) {
        return corrupt({"the animation's frame sequence is broken"});
      }
      frame_sequence_ = sequence;
      return Ok{};
    }
    default: return Ok{};
  }
}

Status PngContainer::handle_frame_control(std::span<const uint8_t> data) {
  if (data.size() < 26) return short_chunk();
  const int64_t sequence = u32(data, 0);
  if (sequence != (frame_sequence_ ? *frame_sequence_ + 1 : 0)) {
    return corrupt({"the animation's frame sequence is broken"});
  }
  frame_sequence_ = sequence;
  const PngFrame frame{u32(data, 12), u32(data, 16), u32(data, 4), u32(data, 8)};
  if (uint64_t{frame.x} + frame.width > header_.width ||
      uint64_t{frame.y} + frame.height > header_.height) {
    return corrupt({"an animation frame lies outside the image"});
  }
  if (!data_started_) {
    frame_ = frame;
    frame_at_ = current_;
    has_frame_control_ = true;
  }
  return Ok{};
}

Status PngContainer::handle_profile(std::span<const uint8_t> data) {
  const auto parts = split(data);
  if (!parts) return corrupt({"the iCCP chunk has no profile name"});
  std::string profile;  // colour management is never applied; only Pillow's size limit matters
  const auto compressed = parts->second.subspan(std::min<size_t>(1, parts->second.size()));
  if (inflate_text(compressed, profile) == Inflated::kTooLarge) {
    return corrupt({"the colour profile is larger than 1 MiB"});
  }
  return count_inflated(profile);
}

Status PngContainer::handle_text(std::span<const uint8_t> data) {
  const auto parts = split(data);
  return parts ? keep_text(as_string(parts->first), as_string(parts->second))
               : keep_text(as_string(data), {});
}

Status PngContainer::handle_compressed_text(std::span<const uint8_t> data) {
  const auto parts = split(data);
  if (!parts || parts->second.empty()) {
    return keep_text(as_string(parts ? parts->first : data), {});
  }
  if (parts->second[0] != 0) {
    return corrupt({"unknown compression method ", parts->second[0]});
  }
  std::string text;
  switch (inflate_text(parts->second.subspan(1), text)) {
    case Inflated::kTooLarge: return corrupt({"a text chunk is larger than 1 MiB"});
    case Inflated::kInvalid: text.clear(); break;
    case Inflated::kDone: break;
  }
  if (auto counted = count_inflated(text); !counted) return counted;
  return keep_text(as_string(parts->first), std::move(text));
}

Status PngContainer::handle_international_text(std::span<const uint8_t> data) {
  const auto key = split(data);
  if (!key || key->second.size() < 2) return Ok{};
  const bool compressed = key->second[0] != 0;
  const uint8_t method = key->second[1];
  const auto language = split(key->second.subspan(2));
  const auto translated = language ? split(language->second) : std::nullopt;
  if (!translated) return Ok{};
  std::string text = as_string(translated->second);
  if (compressed) {
    if (method != 0) return Ok{};
    std::string inflated;
    switch (inflate_text(translated->second, inflated)) {
      case Inflated::kTooLarge: return corrupt({"a text chunk is larger than 1 MiB"});
      case Inflated::kInvalid: return Ok{};
      case Inflated::kDone: break;
    }
    if (auto counted = count_inflated(inflated); !counted) return counted;
    text = std::move(inflated);
  }
  return keep_text(as_string(key->first), std::move(text));
}

Status PngContainer::count_inflated(std::string_view text) {
  inflated_bytes_ += text.size();
  if (inflated_bytes_ <= kMaxInflated) return Ok{};
  return corrupt({"texts and profiles inflate to more than 128 MiB"});
}

Status PngContainer::keep_text(std::string key, std::string value) {
  if (key.empty()) return Ok{};
  text_bytes_ += value.size();
  if (text_bytes_ > kMaxTextMemory) return corrupt({"the text chunks are larger than 64 MiB"});
  if (key == "exif") {
    exif_ = std::move(value);
    exif_at_ = current_;
  } else if (key == "Raw profile type exif") {
    raw_exif_profile_ = std::move(value);
    raw_exif_at_ = current_;
  } else if (key == "XML:com.adobe.xmp") {
    xmp_ = std::move(value);
  }
  return Ok{};
}

Result<int> PngContainer::orientation() const {
  std::string block;
  if (exif_) {
    block = *exif_;
  } else if (raw_exif_profile_) {
    // Three header lines, then hexadecimal digits (Image.py 1444).
    size_t at = 0;
    for (int line = 0; line < 3 && at != std::string::npos; ++line) {
      at = raw_exif_profile_->find('\n', at);
      if (at != std::string::npos) ++at;
    }
    int high = -1;
    for (; at < raw_exif_profile_->size(); ++at) {
      const char c = (*raw_exif_profile_)[at];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) continue;
      if (high >= 0) block += static_cast<char>(high * 16 + digit);
      high = high >= 0 ? -1 : digit;
    }
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(block.data());
  if (!is_readable({bytes, block.size()}))
    return corrupt({"the EXIF block has no TIFF header", (exif_ ? exif_at_ : raw_exif_at_).text()});
  if (const auto value = tiff_orientation({bytes, block.size()})) return *value;
  return xmp_ ? xmp_orientation(*xmp_).value_or(1) : 1;
}

}  // namespace beralih::codecs
