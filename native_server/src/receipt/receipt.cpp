#include "receipt/receipt.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "beralih.receipt/1";
constexpr size_t kMostShown = 80;
constexpr size_t kMostDescribed = 240;

std::string text_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<ReceiptEngine> engine_of(const Json& json, const std::string& device) {
  const auto found = json.find("engine");
  if (found == json.end() || found->is_null()) return std::nullopt;
  ReceiptEngine engine;
  engine.library = found->at("library").get<std::string>();
  engine.device = device;
  engine.variant = found->at("variant").get<std::string>();
  engine.dtype = found->at("dtype").get<std::string>();
  engine.threads = found->at("threads").get<int>();
  engine.batch_rows = found->at("batch_rows").get<int>();
  engine.cpu = found->at("cpu").get<std::string>();
  return engine;
}

ReceiptSide side_of(const Json& json, const char* name) {
  ReceiptSide side;
  side.name = name;
  side.device = text_at(json, "device");
  if (const auto versions = json.find("versions"); versions != json.end()) {
    for (const auto& [library, version] : versions->items()) {
      if (!side.library.empty()) side.library += ", ";
      side.library += library + " " + version.get<std::string>();
    }
  }
  for (const Json& entry : json.at("predictions")) {
    side.predictions.push_back({entry.at("index").get<int>(), text_at(entry, "label"),
                                entry.at("probability").get<double>()});
  }
  return side;
}

Receipt read(const Json& json) {
  const bool is_receipt = json.contains("schema");
  const Json& image = json.at(is_receipt ? "input" : "image");
  const Json& tensor = json.at("tensor");
  Receipt receipt;
  receipt.model_name = json.at("model").at("name").get<std::string>();
  receipt.model_version = json.at("model").at("version").get<std::string>();
  receipt.contract_hash = json.at("contract_hash").get<std::string>();
  receipt.preprocessing_hash = text_at(json, "preprocessing_hash");
  receipt.image_sha256 = image.at("sha256").get<std::string>();
  receipt.image_format = text_at(image, "format");
  receipt.image_name = text_at(image, "name");
  receipt.image_bytes = image.at("bytes").get<int64_t>();
  receipt.width = image.at("width").get<int64_t>();
  receipt.height = image.at("height").get<int64_t>();
  receipt.tensor_datatype = tensor.at("datatype").get<std::string>();
  receipt.tensor_shape = tensor.at("shape").get<std::vector<int64_t>>();
  if (!is_receipt) {
    ReceiptSide side = side_of(json, "answer");
    side.engine = engine_of(json, side.device);
    side.tensor_sha256 = tensor.at("sha256").get<std::string>();
    side.logits_sha256 = json.at("logits").at("sha256").get<std::string>();
    receipt.sides.push_back(std::move(side));
    return receipt;
  }
  for (const char* name : {"server", "page"}) {
    const auto found = json.find(name);
    if (found == json.end() || found->is_null()) continue;
    ReceiptSide side = side_of(*found, name);
    // The page writes "cpu fp32, threads 2" where the server says "cpu".
    side.engine = engine_of(*found, side.device.substr(0, side.device.find(' ')));
    side.tensor_sha256 = found->at("tensor_sha256").get<std::string>();
    side.logits_sha256 = text_at(*found, "logits_sha256");
    receipt.sides.push_back(std::move(side));
  }
  return receipt;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t size : shape) text += (text.empty() ? "" : "x") + std::to_string(size);
  return text;
}

ReceiptRow row(std::string field, const std::string& theirs, const std::string& ours) {
  if (theirs == ours) return {std::move(field), Agreement::kSame, ""};
  return {std::move(field), Agreement::kDiffers,
          "receipt " + theirs.substr(0, kMostShown) + ", here " + ours.substr(0, kMostShown)};
}

ReceiptRow logits_row(const ReceiptSide& theirs, const ReceiptSide& ours, bool same_values) {
  ReceiptRow logits =
      row(theirs.name + ": logits sha256", theirs.logits_sha256, ours.logits_sha256);
  const std::string differing = differing_computation(theirs, ours);
  if (logits.agreement == Agreement::kSame) {
    if (theirs.engine)
      logits.note = differing.empty() ? "as expected: computed in the same way"
                                      : "although computed otherwise: " + differing;
  } else if (!differing.empty() && same_values) {
    logits.agreement = Agreement::kExplained;
    logits.note = "another rounding, within the tolerance: " + differing;
  } else if (differing.empty() && theirs.engine) {
    logits.note += "; computed in the same way, so the same bits were to be expected";
  }
  return logits;
}

ReceiptRow predictions_row(const ReceiptSide& theirs, const ReceiptSide& ours, double tolerance) {
  ReceiptRow result{theirs.name + ": predictions", Agreement::kSame, ""};
  double largest = 0;
  for (const ReceiptPrediction& expected : theirs.predictions) {
    const auto found =
        std::find_if(ours.predictions.begin(), ours.predictions.end(),
                     [&](const ReceiptPrediction& p) { return p.index == expected.index; });
    const std::string which = "class " + std::to_string(expected.index);
    if (found == ours.predictions.end())
      return {result.field, Agreement::kDiffers, which + " does not exist in this bundle"};
    if (!expected.label.empty() && expected.label != found->label) {
      return {result.field, Agreement::kDiffers,
              which + " is \"" + expected.label.substr(0, kMostShown) + "\" in the receipt, \"" +
                  found->label.substr(0, kMostShown) + "\" here"};
    }
    const double difference = std::fabs(expected.probability - found->probability);
    if (!(difference <= tolerance)) {
      std::array<char, 160> text{};
      std::snprintf(text.data(), text.size(), "%s: receipt %.6f, here %.6f (tolerance %g)",
                    which.c_str(), expected.probability, found->probability, tolerance);
      return {result.field, Agreement::kDiffers, text.data()};
    }
    largest = std::max(largest, difference);
  }
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "largest difference %.1e, tolerance %g", largest,
                tolerance);
  result.note = text.data();
  return result;
}

}  // namespace

std::string differing_computation(const ReceiptSide& theirs, const ReceiptSide& ours) {
  std::string differing;
  const auto compare = [&](const char* what, const std::string& there, const std::string& here) {
    if (there == here) return;
    differing += (differing.empty() ? "" : "; ") + std::string(what) + " " +
                 (there.empty() ? "not stated" : there.substr(0, kMostDescribed)) + ", here " +
                 here.substr(0, kMostDescribed);
  };
  if (!theirs.engine || !ours.engine) {
    compare("device", theirs.device, ours.device);
    compare("library", theirs.library, ours.library);
    return differing;
  }
  compare("library", theirs.engine->library, ours.engine->library);
  compare("device", theirs.engine->device, ours.engine->device);
  compare("engine", theirs.engine->variant, ours.engine->variant);
  compare("dtype", theirs.engine->dtype, ours.engine->dtype);
  compare("threads", std::to_string(theirs.engine->threads), std::to_string(ours.engine->threads));
  compare("rows of the batch", std::to_string(theirs.engine->batch_rows),
          std::to_string(ours.engine->batch_rows));
  compare("processor", theirs.engine->cpu, ours.engine->cpu);
  return differing;
}

Result<Receipt> parse_receipt(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Error{ErrorCode::kInvalidArgument, "it is not a JSON object"};
  if (json.contains("schema") && json["schema"] != kSchema) {
    return Error{ErrorCode::kInvalidArgument,
                 "its schema is not " + std::string(kSchema) + ", the one that this program reads"};
  }
  try {
    Receipt receipt = read(json);
    if (receipt.sides.empty())
      return Error{ErrorCode::kInvalidArgument, "it holds neither a page nor a server result"};
    return receipt;
  } catch (const Json::exception& error) {
    return Error{
        ErrorCode::kInvalidArgument,
        std::string("it is neither a receipt nor an answer of /api/classify: ") + error.what()};
  }
}

std::vector<ReceiptRow> compare_receipts(const Receipt& theirs, const Receipt& ours,
                                         const ReceiptTolerance& tolerance) {
  const ReceiptSide& own = ours.sides.front();
  std::vector<ReceiptRow> rows{row("model", theirs.model_name + " " + theirs.model_version,
                                   ours.model_name + " " + ours.model_version),
                               row("contract_hash", theirs.contract_hash, ours.contract_hash)};
  if (!theirs.preprocessing_hash.empty())
    rows.push_back(row("preprocessing_hash", theirs.preprocessing_hash, ours.preprocessing_hash));
  rows.push_back(row("image sha256", theirs.image_sha256, ours.image_sha256));
  rows.push_back(row("image", shape_text({theirs.width, theirs.height}) + " " + theirs.image_format,
                     shape_text({ours.width, ours.height}) + " " + ours.image_format));
  rows.push_back(
      row("image bytes", std::to_string(theirs.image_bytes), std::to_string(ours.image_bytes)));
  rows.push_back(row("tensor", theirs.tensor_datatype + " " + shape_text(theirs.tensor_shape),
                     ours.tensor_datatype + " " + shape_text(ours.tensor_shape)));
  for (const ReceiptSide& side : theirs.sides) {
    rows.push_back(row(side.name + ": tensor sha256", side.tensor_sha256, own.tensor_sha256));
    const ReceiptRow predictions =
        predictions_row(side, own, side.name == "page" ? tolerance.page : tolerance.server);
    if (!side.logits_sha256.empty())
      rows.push_back(logits_row(side, own, predictions.agreement == Agreement::kSame));
    rows.push_back(predictions);
  }
  return rows;
}

}  // namespace beralih
