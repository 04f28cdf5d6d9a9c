// contract.json to types.
#include <cmath>
#include <initializer_list>
#include <limits>
#include <set>

#include "beralih/contract.h"
#include "enum_names.h"
#include "json_document.h"

namespace beralih {

namespace {

/// Keeps the first error; every getter returns a harmless value after one, so that callers read
/// straight on and check once.
struct Problems {
  std::optional<Error> first;

  void report(const std::string& path, const std::string& problem) {
    if (!first) first = Error{ErrorCode::kInvalidContract, path + ": " + problem};
  }
};

std::string shown(const Json& value) {
  return shortened(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

/// A JSON value and the path that leads to it, e.g. "$.golden[0].image".
class Node {
 public:
  Node(const Json& value, std::string path, Problems& problems, bool allow_unknown)
      : value_(&value),
        path_(std::move(path)),
        problems_(&problems),
        allow_unknown_(allow_unknown) {}

  /// The same value, whose unknown fields are refused whatever the version.
  Node strict() const { return {*value_, path_, *problems_, false}; }

  void expected(const std::string& what) const {
    problems_->report(path_, "expected " + what + ", found " + shown(*value_));
  }
  void report(const std::string& problem) const { problems_->report(path_, problem); }

  /// Refuses fields that are not named.
  const Node& fields(std::initializer_list<std::string_view> known) const {
    if (!value_->is_object()) {
      expected("an object");
      return *this;
    }
    if (allow_unknown_) return *this;
    for (const auto& item : value_->items()) {
      if (std::find(known.begin(), known.end(), item.key()) == known.end()) {
        problems_->report(path_ + "." + shortened(item.key()),
                          "unknown field; remove it or correct its name");
      }
    }
    return *this;
  }

  bool has(std::string_view key) const {
    return value_->is_object() && value_->contains(std::string(key));
  }

  Node at(std::string_view key) const {
    const std::string path = path_ + "." + std::string(key);
    if (!has(key)) {
      problems_->report(path, "missing");
      return {null(), path, *problems_, allow_unknown_};
    }
    return {(*value_)[std::string(key)], path, *problems_, allow_unknown_};
  }

  std::vector<Node> items() const {
    std::vector<Node> nodes;
    if (!value_->is_array()) {
      expected("an array");
      return nodes;
    }
    for (size_t i = 0; i < value_->size(); ++i) {
      nodes.emplace_back((*value_)[i], path_ + "[" + std::to_string(i) + "]", *problems_,
                         allow_unknown_);
    }
    return nodes;
  }

  std::string string() const {
    if (value_->is_string()) return value_->get<std::string>();
    expected("a string");
    return {};
  }

  std::string non_empty_string() const {
    std::string text = string();
    if (text.empty()) expected("a string that is not empty");
    return text;
  }

  /// 224.0 is an integer too, as JSON Schema has it.
  int64_t integer(int64_t low, int64_t high) const {
    if (value_->is_number()) {
      const auto number = value_->get<double>();
      const bool whole = number == std::floor(number);
      if (whole && number >= static_cast<double>(low) && number <= static_cast<double>(high)) {
        return value_->get<int64_t>();
      }
    }
    expected("an integer from " + std::to_string(low) + " to " + std::to_string(high));
    return low;
  }

  double number(double low, double high) const {
    if (value_->is_number()) {
      const double number = value_->get<double>();
      if (std::isfinite(number) && number >= low && number <= high) return number;
    }
    expected("a number from " + shown(low) + " to " + shown(high));
    return low;
  }

  std::string sha256() const {
    std::string text = string();
    const bool hex = text.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (text.size() != 64 || !hex) expected("64 lower-case hexadecimal digits");
    return text;
  }

  template <typename E, size_t N>
  E enumeration(const EnumNames<E, N>& names) const {
    const auto value =
        value_->is_string() ? value_of(names, value_->get<std::string>()) : std::optional<E>{};
    if (!value) expected(choices(names));
    return value.value_or(names[0].first);
  }

  std::array<float, 3> floats(double low, double high) const {
    return triple<float>(
        [&](const Node& node) { return static_cast<float>(node.number(low, high)); });
  }
  std::array<uint8_t, 3> bytes() const {
    return triple<uint8_t>(
        [](const Node& node) { return static_cast<uint8_t>(node.integer(0, 255)); });
  }

  Size size() const {
    const auto nodes = items();
    if (nodes.size() != 2) {
      expected("[height, width]");
      return {1, 1};
    }
    return {static_cast<int>(nodes[0].integer(1, 8192)),
            static_cast<int>(nodes[1].integer(1, 8192))};
  }

 private:
  static const Json& null() {
    static const Json value;
    return value;
  }

  template <typename T, typename Read>
  std::array<T, 3> triple(Read read) const {
    std::array<T, 3> values{};
    const auto nodes = items();
    if (nodes.size() != 3) {
      expected("three numbers");
      return values;
    }
    for (size_t i = 0; i < 3; ++i) values[i] = read(nodes[i]);
    return values;
  }

  const Json* value_;
  std::string path_;
  Problems* problems_;
  bool allow_unknown_;
};

void read_resize(const Node& node, PreprocessSpec& spec) {
  struct Form {
    std::string_view key;
    ResizeMode mode;
  };
  constexpr std::array<Form, 3> kForms{
      {{"resize_shorter_side", ResizeMode::kShorterSide},
       {"resize_longest_side", ResizeMode::kLongestSide},
       {"resize_exact", ResizeMode::kExact}}
  };
  spec.resize_mode = ResizeMode::kNone;
  for (const Form& form : kForms) {
    if (!node.has(form.key)) continue;
    if (spec.resize_mode != ResizeMode::kNone) {
      node.at(form.key).report(
          "only one of resize_shorter_side, resize_longest_side and resize_exact may stand");
    }
    spec.resize_mode = form.mode;
    if (form.mode == ResizeMode::kExact) {
      spec.resize_size = node.at(form.key).size();
    } else {
      const int side = static_cast<int>(node.at(form.key).integer(1, 8192));
      spec.resize_size = {side, side};
    }
  }
  const bool resized = spec.resize_mode != ResizeMode::kNone;
  if (resized) spec.resize_filter = node.at("resize_filter").enumeration(kFilterNames);
  if (!resized && node.has("resize_filter")) {
    node.at("resize_filter").report("stands without a resize; remove it or say what to resize to");
  }
}

void read_values(const Node& node, PreprocessSpec& spec) {
  constexpr double kLargest = 1e6;
  if (spec.dtype == DataType::kUint8) {
    for (const std::string_view key : {"value_range", "rescale", "image_mean", "image_std"}) {
      if (node.has(key)) node.at(key).report("does not apply to dtype uint8; remove it");
    }
    return;
  }
  spec.value_range = node.at("value_range").enumeration(kValueRangeNames);
  if (spec.value_range == ValueRange::kZeroToOne) {
    spec.rescale = node.at("rescale").enumeration(kRescaleNames);
  } else if (node.has("rescale")) {
    node.at("rescale").report("does not apply to value_range 0..255; remove it");
  }
  constexpr float kSmallest = std::numeric_limits<float>::min();
  spec.image_mean = node.at("image_mean").floats(-kLargest, kLargest);
  spec.image_std = node.at("image_std").floats(0, kLargest);
  for (const float value : spec.image_std) {
    if (value < kSmallest) node.at("image_std").expected("numbers above 0 (from 1.2e-38)");
  }
}

PreprocessSpec read_spec(const Node& node) {
  node.fields({"preset", "exif", "gray16", "resize_shorter_side", "resize_longest_side",
               "resize_exact", "resize_filter", "center_crop", "pad_value", "channel_order",
               "layout", "dtype", "value_range", "rescale", "image_mean", "image_std"});
  PreprocessSpec spec;
  if (node.has("preset")) spec.preset = node.at("preset").string();
  spec.exif = node.at("exif").enumeration(kExifNames);
  spec.gray16 = node.at("gray16").enumeration(kGray16Names);
  read_resize(node, spec);
  spec.center_crop.reset();
  if (node.has("center_crop")) spec.center_crop = node.at("center_crop").size();
  spec.pad_value = node.at("pad_value").bytes();
  spec.channel_order = node.at("channel_order").enumeration(kChannelOrderNames);
  spec.layout = node.at("layout").enumeration(kLayoutNames);
  spec.dtype = node.at("dtype").enumeration(kDtypeNames);
  read_values(node, spec);
  return spec;
}

TensorMetadata read_tensor(const Node& node) {
  node.fields({"name", "datatype", "shape"});
  TensorMetadata tensor{node.at("name").non_empty_string(), node.at("datatype").string(), {}};
  if (tensor.datatype != "FP32" && tensor.datatype != "UINT8") {
    node.at("datatype").expected("\"FP32\" or \"UINT8\"");
  }
  for (const Node& dimension : node.at("shape").items()) {
    tensor.shape.push_back(dimension.integer(-1, int64_t{1} << 31));
  }
  return tensor;
}

// A path that stays inside the bundle on every system.
bool stays_inside(const std::string& path) {
  if (path.empty() || path[0] == '/' || path.find_first_of(std::string("\\:\0", 3)) != path.npos) {
    return false;
  }
  size_t from = 0;
  while (from <= path.size()) {
    const size_t slash = std::min(path.find('/', from), path.size());
    const std::string part = path.substr(from, slash - from);
    if (part.empty() || part == "." || part == "..") return false;
    from = slash + 1;
  }
  return true;
}

std::vector<BundleFile> read_files(const Node& node) {
  std::vector<BundleFile> files;
  std::set<std::string> paths;
  for (const Node& item : node.items()) {
    item.fields({"role", "path", "bytes", "sha256"});
    BundleFile file{item.at("role").non_empty_string(), item.at("path").string(),
                    item.at("bytes").integer(0, int64_t{1} << 50), item.at("sha256").sha256()};
    if (!stays_inside(file.path)) item.at("path").expected("a relative path inside the bundle");
    if (!paths.insert(file.path).second) item.at("path").report("the file is listed twice");
    files.push_back(std::move(file));
  }
  return files;
}

std::vector<GoldenCase> read_golden(const Node& node, const std::vector<BundleFile>& files) {
  std::vector<GoldenCase> cases;
  for (const Node& item : node.items()) {
    item.fields({"image", "tensor_sha256", "top5"});
    GoldenCase golden{item.at("image").string(), item.at("tensor_sha256").sha256(), {}};
    const bool listed = std::any_of(files.begin(), files.end(), [&](const BundleFile& file) {
      return file.path == golden.image;
    });
    if (!listed) item.at("image").expected("the path of one of $.files");
    for (const Node& entry : item.at("top5").items()) {
      entry.fields({"index", "probability"});
      golden.top5.push_back({static_cast<int>(entry.at("index").integer(0, 1 << 24)),
                             entry.at("probability").number(0, 1)});
    }
    if (golden.top5.empty()) item.at("top5").expected("at least one class");
    cases.push_back(std::move(golden));
  }
  return cases;
}

EdgeAgreement read_edge_agreement(const Node& node) {
  node.fields({"images", "top1_equal", "mean_abs_probability_difference",
               "max_abs_probability_difference", "method"});
  EdgeAgreement agreement;
  agreement.images = static_cast<int>(node.at("images").integer(1, 1 << 24));
  agreement.top1_equal = static_cast<int>(node.at("top1_equal").integer(0, 1 << 24));
  agreement.mean_abs_probability_difference =
      node.at("mean_abs_probability_difference").number(0, 1);
  agreement.max_abs_probability_difference = node.at("max_abs_probability_difference").number(0, 1);
  if (node.has("method")) agreement.method = node.at("method").string();
  return agreement;
}

Provenance read_provenance(const Node& node) {
  node.fields({"source", "license", "parent", "recipe", "note"});
  return {node.at("source").string(), node.at("license").string(), node.at("parent").string(),
          node.at("recipe").string(), node.at("note").string()};
}

// The tensor that the knobs make must be the tensor that the network takes.
void check_input(const Node& root, const Contract& contract) {
  const Node input = root.at("input");
  const auto datatype = datatype_name(contract.preprocessing.dtype);
  if (contract.input.datatype != datatype) {
    input.at("datatype").expected("\"" + std::string(datatype) + "\", as preprocessing.dtype says");
  }
  const auto shape = output_shape(contract.preprocessing);
  if (contract.input.shape != shape) {
    std::string text;
    for (const int64_t dimension : shape)
      text += (text.empty() ? "[" : ", ") + std::to_string(dimension);
    input.at("shape").expected(text + "], as preprocessing says");
  }
}

// "beralih.contract/1", which is "/1.0", or "/1.N": a newer minor version only adds fields that may
// be ignored. None of them is a knob: a preprocessing that is not wholly understood is refused.
struct SchemaVersion {
  bool supported = false;
  bool newer_minor = false;
};

SchemaVersion schema_version(const std::string& schema) {
  const std::string prefix = "beralih.contract/1";
  if (schema == prefix) return {true, false};
  if (!schema.starts_with(prefix + ".")) return {};
  const std::string minor = schema.substr(prefix.size() + 1);
  const bool digits = !minor.empty() && minor.find_first_not_of("0123456789") == minor.npos;
  if (!digits || (minor[0] == '0' && minor.size() > 1)) return {};
  return {true, minor != "0"};
}

Contract read_contract(const Node& root) {
  root.fields({"schema", "name", "version", "description", "preprocessing", "input", "output",
               "files", "golden", "tolerance", "edge_agreement", "provenance"});
  Contract contract;
  contract.name = root.at("name").non_empty_string();
  contract.version = root.at("version").non_empty_string();
  contract.description = root.at("description").string();
  contract.preprocessing = read_spec(root.at("preprocessing").strict());
  contract.input = read_tensor(root.at("input").strict());
  contract.output = read_tensor(root.at("output"));
  contract.files = read_files(root.at("files"));
  contract.golden = read_golden(root.at("golden"), contract.files);
  const Node tolerance = root.at("tolerance").fields({"fp32", "bf16"});
  contract.tolerance = {tolerance.at("fp32").number(0, 1), tolerance.at("bf16").number(0, 1)};
  if (root.has("edge_agreement")) {
    contract.edge_agreement = read_edge_agreement(root.at("edge_agreement"));
  }
  contract.provenance = read_provenance(root.at("provenance"));
  check_input(root, contract);
  return contract;
}

}  // namespace

Result<Contract> parse_contract(std::string_view json) {
  const auto document = parse_document(json);
  if (!document) return document.error();
  Problems problems;
  const Node probe(*document, "$", problems, true);
  const std::string schema = probe.fields({}).at("schema").string();
  if (problems.first) return *problems.first;
  const auto version = schema_version(schema);
  if (!version.supported) {
    return Error{ErrorCode::kInvalidContract,
                 "$.schema: this program reads \"beralih.contract/1\", found \"" +
                     shortened(schema) + "\"; use a program of that version"};
  }
  Contract contract = read_contract(Node(*document, "$", problems, version.newer_minor));
  if (problems.first) return *problems.first;
  return contract;
}

Result<PreprocessSpec> parse_preprocess_spec(std::string_view json) {
  const auto document = parse_document(json);
  if (!document) return document.error();
  Problems problems;
  PreprocessSpec spec = read_spec(Node(*document, "$", problems, false));
  if (problems.first) return *problems.first;
  return spec;
}

}  // namespace beralih
