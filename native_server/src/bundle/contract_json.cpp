#include "bundle/contract_json.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kLineLength = 180;  // what has no nested list and fits goes on one line

/// The shortest decimal that reads back as this float: 122.782, not 122.78199768066406.
Json shortest(float value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  double number = 0;
  std::from_chars(text.data(), end, number);
  const bool whole = number == static_cast<double>(static_cast<int64_t>(number));
  return whole ? Json(static_cast<int64_t>(number)) : Json(number);
}

Json triple(const std::array<float, 3>& values) {
  return {shortest(values[0]), shortest(values[1]), shortest(values[2])};
}

Json size_json(Size size) { return {size.height, size.width}; }

Json knobs(const PreprocessSpec& spec) {
  Json json;
  if (!spec.preset.empty()) json["preset"] = spec.preset;
  json["exif"] = name(spec.exif);
  json["gray16"] = name(spec.gray16);
  switch (spec.resize_mode) {
    case ResizeMode::kNone: break;
    case ResizeMode::kShorterSide: json["resize_shorter_side"] = spec.resize_size.height; break;
    case ResizeMode::kLongestSide: json["resize_longest_side"] = spec.resize_size.height; break;
    case ResizeMode::kExact: json["resize_exact"] = size_json(spec.resize_size); break;
  }
  if (spec.resize_mode != ResizeMode::kNone) json["resize_filter"] = name(spec.resize_filter);
  if (spec.center_crop) json["center_crop"] = size_json(*spec.center_crop);
  json["pad_value"] = spec.pad_value;
  json["channel_order"] = name(spec.channel_order);
  json["layout"] = name(spec.layout);
  json["dtype"] = dtype_knob_name(spec.dtype);
  if (spec.dtype != DataType::kFloat32) return json;
  json["value_range"] = name(spec.value_range);
  if (spec.value_range == ValueRange::kZeroToOne) json["rescale"] = name(spec.rescale);
  json["image_mean"] = triple(spec.image_mean);
  json["image_std"] = triple(spec.image_std);
  return json;
}

Json tensor(const TensorMetadata& metadata) {
  return {
      {"name",     metadata.name    },
      {"datatype", metadata.datatype},
      {"shape",    metadata.shape   }
  };
}

Json files(const std::vector<BundleFile>& entries) {
  Json json = Json::array();
  for (const BundleFile& file : entries) {
    json.push_back({
        {"role",   file.role  },
        {"path",   file.path  },
        {"bytes",  file.bytes },
        {"sha256", file.sha256}
    });
  }
  return json;
}

Json golden(const std::vector<GoldenCase>& cases) {
  Json json = Json::array();
  for (const GoldenCase& golden : cases) {
    Json top5 = Json::array();
    for (const GoldenProbability& entry : golden.top5) {
      top5.push_back({
          {"index",       entry.index      },
          {"probability", entry.probability}
      });
    }
    json.push_back({
        {"image",         golden.image        },
        {"tensor_sha256", golden.tensor_sha256},
        {"top5",          std::move(top5)     }
    });
  }
  return json;
}

Json edge_agreement(const EdgeAgreement& agreement) {
  Json json;
  json["images"] = agreement.images;
  json["top1_equal"] = agreement.top1_equal;
  json["mean_abs_probability_difference"] = agreement.mean_abs_probability_difference;
  json["max_abs_probability_difference"] = agreement.max_abs_probability_difference;
  if (!agreement.method.empty()) json["method"] = agreement.method;
  return json;
}

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// dump() with a space behind every comma and colon.
std::string one_line(const Json& value) {
  if (!value.is_structured()) return dump(value);
  std::string text;
  for (const auto& [key, item] : value.items()) {
    if (!text.empty()) text += ", ";
    if (value.is_object()) text += dump(Json(key)) + ": ";
    text += one_line(item);
  }
  return value.is_object() ? "{" + text + "}" : "[" + text + "]";
}

std::string pretty(const Json& value, size_t indent) {
  const bool nested = std::any_of(value.begin(), value.end(),
                                  [](const Json& item) { return item.is_structured(); });
  const std::string line = one_line(value);
  if (!value.is_structured() || (!nested && line.size() <= kLineLength)) return line;
  std::string text;
  for (const auto& [key, item] : value.items()) {
    if (!text.empty()) text += ",\n";
    text += std::string(indent + 2, ' ');
    if (value.is_object()) text += dump(Json(key)) + ": ";
    text += pretty(item, indent + 2);
  }
  const char* brackets = value.is_object() ? "{}" : "[]";
  if (text.empty()) return brackets;
  return brackets[0] + ("\n" + text + "\n") + std::string(indent, ' ') + brackets[1];
}

}  // namespace

std::string contract_json(const Contract& contract) {
  Json json;
  json["schema"] = "beralih.contract/1";
  json["name"] = contract.name;
  json["version"] = contract.version;
  json["description"] = contract.description;
  json["preprocessing"] = knobs(contract.preprocessing);
  json["input"] = tensor(contract.input);
  json["output"] = tensor(contract.output);
  json["files"] = files(contract.files);
  json["golden"] = golden(contract.golden);
  json["tolerance"] = {
      {"fp32", contract.tolerance.fp32},
      {"bf16", contract.tolerance.bf16}
  };
  if (contract.edge_agreement) json["edge_agreement"] = edge_agreement(*contract.edge_agreement);
  json["provenance"] = {
      {"source",  contract.provenance.source },
      {"license", contract.provenance.license},
      {"parent",  contract.provenance.parent },
      {"recipe",  contract.provenance.recipe },
      {"note",    contract.provenance.note   }
  };
  return pretty(json, 0) + "\n";
}

}  // namespace beralih
