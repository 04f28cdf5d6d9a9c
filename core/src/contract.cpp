#include "beralih/contract.h"

#include <cstring>

#include "beralih/sha256.h"

namespace beralih {

namespace {

std::string hex_float(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const std::array<uint8_t, 4> bytes{static_cast<uint8_t>(bits >> 24),
                                     static_cast<uint8_t>(bits >> 16),
                                     static_cast<uint8_t>(bits >> 8), static_cast<uint8_t>(bits)};
  return to_hex(bytes);
}

class TextWriter {
 public:
  void line(std::string_view key, std::string_view value) {
    text_ += key;
    text_ += '=';
    text_ += value;
    text_ += '\n';
  }
  void line(std::string_view key, Size size) {
    line(key, std::to_string(size.height) + ',' + std::to_string(size.width));
  }
  void line(std::string_view key, const std::array<float, 3>& values) {
    line(key, hex_float(values[0]) + ',' + hex_float(values[1]) + ',' + hex_float(values[2]));
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_ = "beralih.preprocessing/1\n";
};

void write_knobs(TextWriter& writer, const PreprocessSpec& spec) {
  writer.line("exif", name(spec.exif));
  writer.line("gray16", name(spec.gray16));
  switch (spec.resize_mode) {
    case ResizeMode::kNone: writer.line("resize", "none"); break;
    case ResizeMode::kShorterSide: writer.line("resize_shorter_side", spec.resize_size); break;
    case ResizeMode::kLongestSide: writer.line("resize_longest_side", spec.resize_size); break;
    case ResizeMode::kExact: writer.line("resize_exact", spec.resize_size); break;
  }
  if (spec.resize_mode != ResizeMode::kNone) writer.line("resize_filter", name(spec.resize_filter));
  if (spec.center_crop) {
    writer.line("center_crop", *spec.center_crop);
  } else {
    writer.line("center_crop", "none");
  }
  const auto& pad = spec.pad_value;
  writer.line("pad_value",
              std::to_string(pad[0]) + ',' + std::to_string(pad[1]) + ',' + std::to_string(pad[2]));
  writer.line("channel_order", name(spec.channel_order));
  writer.line("layout", name(spec.layout));
  writer.line("dtype", dtype_knob_name(spec.dtype));
  if (spec.dtype != DataType::kFloat32) return;
  writer.line("value_range", name(spec.value_range));
  if (spec.value_range == ValueRange::kZeroToOne) writer.line("rescale", name(spec.rescale));
  writer.line("image_mean", spec.image_mean);
  writer.line("image_std", spec.image_std);
}

// Takes the first line off `text`.
std::string_view next_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

const BundleFile* Contract::file(std::string_view role) const {
  for (const BundleFile& candidate : files) {
    if (candidate.role == role) return &candidate;
  }
  return nullptr;
}

std::string preprocessing_text(const Contract& contract) {
  TextWriter writer;
  write_knobs(writer, contract.preprocessing);
  writer.line("input.datatype", contract.input.datatype);
  std::string shape;
  for (const int64_t dimension : contract.input.shape) {
    if (!shape.empty()) shape += ',';
    shape += std::to_string(dimension);
  }
  writer.line("input.shape", shape);
  const BundleFile* labels = contract.file("labels");
  writer.line("labels.sha256", labels != nullptr ? labels->sha256 : "none");
  return writer.take();
}

std::string preprocessing_hash(const Contract& contract) {
  return sha256_hex(preprocessing_text(contract));
}

std::optional<FieldDifference> compare_preprocessing(std::string_view ours,
                                                     std::string_view theirs) {
  while (!ours.empty() || !theirs.empty()) {
    const std::string_view a = next_line(ours);
    const std::string_view b = next_line(theirs);
    if (a == b) continue;
    const auto value = [](std::string_view line) {
      const size_t equals = line.find('=');
      return std::string(equals == std::string_view::npos ? line : line.substr(equals + 1));
    };
    const auto key = [](std::string_view line) { return line.substr(0, line.find('=')); };
    if (key(a) == key(b)) return FieldDifference{std::string(key(a)), value(a), value(b)};
    // One side has a line that the other lacks or spells otherwise: show both lines whole.
    return FieldDifference{std::string(key(a.empty() ? b : a)), std::string(a), std::string(b)};
  }
  return std::nullopt;
}

}  // namespace beralih
