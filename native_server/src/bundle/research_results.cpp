#include "bundle/research_results.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "bundle/bundle.h"

namespace beralih {
namespace {

using Json = nlohmann::json;

constexpr size_t kTop = 5;
constexpr double kSumTolerance = 1e-3;  // of probabilities that were rounded

class Reader {
 public:
  Reader(std::string file, size_t classes) : file_(std::move(file)), classes_(classes) {}

  Result<ResearchResults> read(const Json& document) const;

 private:
  Error error(const std::string& where, const std::string& what) const {
    return Error{ErrorCode::kInvalidArgument, file_ + ": " + where + ": " + what};
  }
  Result<std::vector<GoldenProbability>> top5(const std::string& where, const Json& list) const;
  Result<std::vector<GoldenProbability>> whole(const std::string& where, const Json& list) const;
  Result<ResearchCase> one_case(const std::string& where, const Json& entry) const;

  static bool is_probability(const Json& value) {
    return value.is_number() && value.get<double>() >= 0 && value.get<double>() <= 1;
  }

  std::string file_;
  size_t classes_;
};

Result<std::vector<GoldenProbability>> Reader::top5(const std::string& where,
                                                    const Json& list) const {
  std::vector<GoldenProbability> out;
  for (const Json& entry : list) {
    const bool whole = entry.is_object() && entry.contains("index") &&
                       entry["index"].is_number_unsigned() && entry.contains("probability") &&
                       is_probability(entry["probability"]);
    if (!whole)
      return error(where, "expected {\"index\": a class, \"probability\": a number from 0 to 1}");
    const auto index = entry["index"].get<uint64_t>();
    if (index >= classes_) {
      return error(where, "class " + std::to_string(index) + " is beyond the " +
                              std::to_string(classes_) + " labels");
    }
    out.push_back({static_cast<int>(index), entry["probability"].get<double>()});
  }
  return out;
}

Result<std::vector<GoldenProbability>> Reader::whole(const std::string& where,
                                                     const Json& list) const {
  if (list.size() != classes_) {
    return error(where, std::to_string(list.size()) + " probabilities for " +
                            std::to_string(classes_) + " labels");
  }
  std::vector<GoldenProbability> out;
  double sum = 0;
  for (const Json& value : list) {
    if (!is_probability(value)) return error(where, "expected numbers from 0 to 1");
    out.push_back({static_cast<int>(out.size()), value.get<double>()});
    sum += out.back().probability;
  }
  if (std::abs(sum - 1) > kSumTolerance) {
    return error(where, "the probabilities sum to " + std::to_string(sum) +
                            ", not 1; write softmax's output, not logits");
  }
  return out;
}

Result<ResearchCase> Reader::one_case(const std::string& where, const Json& entry) const {
  ResearchCase out;
  if (entry.contains("tensor_sha256")) {
    if (!entry["tensor_sha256"].is_string())
      return error(where + ".tensor_sha256", "expected 64 hexadecimal digits");
    out.tensor_sha256 = entry["tensor_sha256"].get<std::string>();
  }
  const bool top = entry.contains("top5") && entry["top5"].is_array();
  const bool all = entry.contains("probabilities") && entry["probabilities"].is_array();
  if (top == all) return error(where, "wants either \"top5\" or \"probabilities\", a list");
  auto listed = top ? top5(where + ".top5", entry["top5"])
                    : whole(where + ".probabilities", entry["probabilities"]);
  if (!listed) return listed.error();
  out.top = top_five(*std::move(listed));
  if (out.top.empty()) return error(where, "names no class");
  return out;
}

Result<ResearchResults> Reader::read(const Json& document) const {
  ResearchResults results;
  if (!document.is_object() || !document.contains("golden") || !document["golden"].is_array())
    return error("$.golden", "expected a list of {\"image\", \"top5\" or \"probabilities\"}");
  if (document.contains("source") && document["source"].is_string())
    results.source = document["source"].get<std::string>();
  const Json& golden = document["golden"];
  for (size_t i = 0; i < golden.size(); ++i) {
    const std::string where = "$.golden[" + std::to_string(i) + "]";
    const Json& entry = golden[i];
    if (!entry.is_object() || !entry.contains("image") || !entry["image"].is_string())
      return error(where + ".image", "expected the image's file name");
    auto parsed = one_case(where, entry);
    if (!parsed) return parsed.error();
    const std::string name =
        std::filesystem::path(entry["image"].get<std::string>()).filename().string();
    if (!results.cases.emplace(name, *std::move(parsed)).second)
      return error(where, "\"" + name + "\" stands twice");
  }
  return results;
}

}  // namespace

std::vector<GoldenProbability> top_five(std::vector<GoldenProbability> all) {
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.probability > b.probability; });
  all.resize(std::min(all.size(), kTop));
  for (GoldenProbability& entry : all)
    entry.probability = std::round(entry.probability * 1e6) / 1e6;
  return all;
}

Result<ResearchResults> read_research_results(const std::filesystem::path& path, size_t classes) {
  const auto text = read_text(path);
  if (!text) return text.error();
  const Json document = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded())
    return Error{ErrorCode::kInvalidArgument, path.string() + ": not valid JSON"};
  return Reader(path.string(), classes).read(document);
}

}  // namespace beralih
