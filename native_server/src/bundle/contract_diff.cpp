#include "bundle/contract_diff.h"

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "bundle/contract_json.h"

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;

/// Fields by name, in order of appearance.
using Fields = std::vector<std::pair<std::string, std::string>>;

/// A list of objects becomes an object with one member for each, named by what identifies it.
Json keyed(const Json& list, const std::function<std::string(const Json&)>& key) {
  Json out = Json::object();
  for (const Json& item : list) out[key(item)] = item;
  return out;
}

void flatten(const std::string& path, const Json& value, Fields& out) {
  if (!value.is_object()) {
    out.emplace_back(path, value.dump());
    return;
  }
  for (const auto& [key, item] : value.items())
    flatten(path.empty() ? key : path + "." + key, item, out);
}

Fields fields_of(const Contract& contract) {
  Json json = Json::parse(contract_json(contract));
  json["files"] = keyed(json["files"], [](const Json& file) {
    const auto role = file["role"].get<std::string>();
    return role == "golden_image" ? file["path"].get<std::string>() : role;
  });
  json["golden"] =
      keyed(json["golden"], [](const Json& golden) { return golden["image"].get<std::string>(); });
  Fields out;
  flatten("", json, out);
  return out;
}

Impact impact_of(const std::string& field) {
  static const std::vector<std::pair<std::string, Impact>> kByPrefix{
      {"preprocessing.preset", Impact::kMetadata       },
      {"preprocessing.",       Impact::kPreprocessing  },
      {"input.name",           Impact::kMetadata       },
      {"input.",               Impact::kPreprocessing  },
      {"output.name",          Impact::kMetadata       },
      {"output.",              Impact::kPredictions    },
      {"files.labels.",        Impact::kPreprocessing  },
      {"files.architecture.",  Impact::kPredictions    },
      {"files.weights.",       Impact::kPredictions    },
      {"files.model.",         Impact::kPredictions    },
      {"files.edge_model.",    Impact::kPagePredictions},
      {"files.golden/",        Impact::kChecks         },
      {"golden.",              Impact::kChecks         },
      {"tolerance.",           Impact::kChecks         }
  };
  if (field.starts_with("files.") && field.ends_with(".path")) return Impact::kMetadata;
  for (const auto& [prefix, impact] : kByPrefix) {
    if (field.starts_with(prefix)) return impact;
  }
  return Impact::kMetadata;
}

}  // namespace

std::string_view impact_words(Impact impact) {
  switch (impact) {
    case Impact::kPreprocessing: return "changes preprocessing";
    case Impact::kPredictions: return "changes predictions";
    case Impact::kPagePredictions: return "changes predictions in the page";
    case Impact::kChecks: return "changes what is checked";
    case Impact::kMetadata: return "only metadata";
  }
  return "only metadata";
}

std::vector<ContractDifference> diff_contracts(const Contract& first, const Contract& second) {
  const Fields ours = fields_of(first);
  const Fields theirs = fields_of(second);
  std::map<std::string, std::string> in_ours(ours.begin(), ours.end());
  std::map<std::string, std::string> in_theirs(theirs.begin(), theirs.end());
  std::vector<ContractDifference> out;
  for (const auto& [field, value] : ours) {
    const auto found = in_theirs.find(field);
    const std::string other = found == in_theirs.end() ? "" : found->second;
    if (value != other) out.push_back({field, value, other, impact_of(field)});
  }
  for (const auto& [field, value] : theirs) {
    if (!in_ours.contains(field)) out.push_back({field, "", value, impact_of(field)});
  }
  return out;
}

}  // namespace beralih
