#include "codecs/jpeg_header.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "codecs/codecs.h"
#include "codecs/exif.h"
#include "message.h"

namespace beralih::codecs {

namespace {

using Bytes = std::span<const uint8_t>;

Error corrupt(std::initializer_list<Part> what) {
  return error_of(ErrorCode::kCorruptImage, "JPEG: ", what);
}

bool starts_with(Bytes bytes, std::string_view magic) {
  return bytes.size() >= magic.size() &&
         std::equal(magic.begin(), magic.end(), bytes.begin(),
                    [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
}

constexpr int kStartOfScan = 0xDA;
constexpr int kQuantizationTables = 0xDB;

bool is_start_of_frame(int marker) {
  const bool other = marker == 0xC4 || marker == 0xC8 || marker == 0xCC;
  return (marker >= 0xC0 && marker <= 0xCF && !other) || marker == 0xDE;
}

/// SOI, EOI, the restarts and the extensions: for Pillow nothing follows them.
bool is_standalone(int marker) {
  return (marker >= 0xD0 && marker <= 0xD9) || marker == 0xC8 || (marker >= 0xF0 && marker <= 0xFD);
}

class Walk {
 public:
  explicit Walk(Bytes file) : file_(file) {}

  /// JpegImagePlugin.py, JpegImageFile._open.
  Result<JpegHeader> read(ExifMode mode) {
    size_t at = 2;
    while (true) {
      // What is not a marker is skipped; so are fill bytes and escaped 0xFF.
      while (at < file_.size() && file_[at] != 0xFF) ++at;
      if (at + 1 >= file_.size()) {
        return corrupt({"the data ends before the first scan", codecs::place(file_.size())});
      }
      const int marker = file_[at + 1];
      if (marker == 0xFF) {
        ++at;
        continue;
      }
      at += 2;
      if (marker == 0x00 || is_standalone(marker)) continue;
      if (marker < 0xC0) {
        return corrupt({
            "there is no such marker", JpegPlace{marker, at - 2}
             .text()
        });
      }
      const JpegPlace place{marker, at - 2};
      const auto payload = segment(at);
      if (!payload) return corrupt({"a segment is cut off", place.text()});
      if (auto status = handle(place, *payload); !status) {
        return placed(status.error(), place.text());
      }
      if (marker == kStartOfScan) return finish(mode, place);
    }
  }

 private:
  /// The segment whose length stands at `at`, which moves past it.
  std::optional<Bytes> segment(size_t& at) const {
    if (file_.size() - at < 2) return std::nullopt;
    const size_t length = static_cast<size_t>(file_[at]) << 8 | file_[at + 1];
    const size_t size = length < 2 ? 0 : length - 2;
    at += 2;
    if (file_.size() - at < size) return std::nullopt;
    at += size;
    return file_.subspan(at - size, size);
  }

  Status handle(const JpegPlace& place, Bytes payload) {
    if (is_start_of_frame(place.marker)) return handle_frame(place, payload);
    if (place.marker == kQuantizationTables) return handle_tables(payload);
    if ((place.marker & 0xF0) == 0xE0) return handle_application(place, payload);
    return Ok{};
  }

  Status handle_frame(const JpegPlace& place, Bytes payload) {
    if (payload.size() < 6) return corrupt({"the frame header is too short"});
    header_.height = payload[1] << 8 | payload[2];
    header_.width = payload[3] << 8 | payload[4];
    header_.components = payload[5];
    header_.frame = place;
    if (payload[0] != 8) return unsupported({payload[0], " bits a sample"});
    if (header_.components != 1 && header_.components != 3 && header_.components != 4) {
      return unsupported({header_.components, " components"});
    }
    if (payload.size() % 3 != 0) return corrupt({"the frame header lists half a component"});
    return Ok{};
  }

  static Error unsupported(std::initializer_list<Part> what) {
    return placed(error_of(ErrorCode::kUnsupportedFormat, "JPEG: ", what),
                  "; only 8-bit gray, YCbCr/RGB and CMYK/YCCK are supported");
  }

  static Status handle_tables(Bytes payload) {
    while (!payload.empty()) {
      const size_t size = payload[0] < 16 ? 1 + 64 : 1 + 128;
      if (payload.size() < size) return corrupt({"a quantization table is cut off"});
      payload = payload.subspan(size);
    }
    return Ok{};
  }

  Status handle_application(const JpegPlace& place, Bytes payload) {
    const int number = place.marker & 15;
    if (number == 0 && starts_with(payload, "JFIF")) {
      if (payload.size() < 7) return corrupt({"the JFIF header is too short"});
      if (payload.size() >= 12 && payload[7] == 1) has_resolution_ = true;
    } else if (number == 1 && starts_with(payload, std::string_view("Exif\0", 5))) {
      if (header_.exif.empty()) {
        header_.exif = payload;
        exif_place_ = place;
      }
    } else if (number == 2 && starts_with(payload, std::string_view("MPF\0", 4))) {
      picture_index_ = payload.subspan(4);
      index_place_ = place;
    } else if (number == 13 && starts_with(payload, std::string_view("Photoshop 3.0\0", 14))) {
      if (!handle_resources(payload)) return corrupt({"the Photoshop resources are cut off"});
    } else if (number == 14 && starts_with(payload, "Adobe") && payload.size() < 7) {
      return corrupt({"the Adobe header is too short"});
    }
    // Pillow looks for a resolution in EXIF where it has found none so far. It does so once, and
    // an unknown TIFF header is then forgotten; other trouble is not.
    if (!has_resolution_ && !header_.exif.empty()) {
      has_resolution_ = true;
      exif_was_read_ = true;
      if (tiff_header(header_.exif) == TiffHeader::kShort)
        return corrupt({"the EXIF block is cut off"});
      if (has_unreadable_resolution(header_.exif)) {
        return corrupt({"the EXIF block's XResolution is not a number"});
      }
    }
    return Ok{};
  }

  /// False where a resource's name length is missing; other missing bytes only end the list.
  static bool handle_resources(Bytes payload) {
    size_t at = 14;
    while (starts_with(payload.subspan(std::min(at, payload.size())), "8BIM")) {
      at += 4;
      if (payload.size() - at < 2) return true;
      const bool is_resolution = payload[at] == 0x03 && payload[at + 1] == 0xED;
      at += 2;
      if (at >= payload.size()) return false;
      at += size_t{1} + payload[at];
      at += at & 1;
      if (at > payload.size() || payload.size() - at < 4) return true;
      const uint64_t size = uint64_t{payload[at]} << 24 | uint64_t{payload[at + 1]} << 16 |
                            uint64_t{payload[at + 2]} << 8 | payload[at + 3];
      at += 4;
      const uint64_t there = std::min<uint64_t>(size, payload.size() - at);
      if (is_resolution && there < 14) return true;
      if (there < size) return true;
      at += static_cast<size_t>(size);
      at += at & 1;
    }
    return true;
  }

  Result<JpegHeader> finish(ExifMode mode, const JpegPlace& place) const {
    if (header_.components == 0) {
      return corrupt({"the first scan comes before a frame header", place.text()});
    }
    if (header_.width == 0 || header_.height == 0) {
      return corrupt({"the header announces no pixels, ", header_.width, " x ", header_.height,
                      header_.frame.text()});
    }
    if (has_short_picture_index(picture_index_)) {
      return corrupt(
          {"the multi-picture index announces more pictures than it lists", index_place_.text()});
    }
    if (mode == ExifMode::kTranspose && !exif_was_read_ && !is_readable(header_.exif)) {
      return corrupt({"the EXIF block has no TIFF header", exif_place_.text()});
    }
    return header_;
  }

  Bytes file_;
  JpegHeader header_;
  JpegPlace exif_place_;
  Bytes picture_index_;
  JpegPlace index_place_;
  bool has_resolution_ = false;  ///< Pillow's info["dpi"]
  bool exif_was_read_ = false;
};

}  // namespace

std::string JpegPlace::text() const {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto digit = [&](int value) { return kDigits[static_cast<size_t>(value)]; };
  const char hex[] = {digit(marker >> 4), digit(marker & 15), '\0'};
  return place(at, joined({"marker FF", hex}));
}

Result<JpegHeader> read_jpeg_header(std::span<const uint8_t> file, ExifMode exif) {
  return Walk(file).read(exif);
}

}  // namespace beralih::codecs
