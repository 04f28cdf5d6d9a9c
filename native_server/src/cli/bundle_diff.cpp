// beralih bundle diff: what changed between two bundles, and whether it matters.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bundle/bundle.h"
#include "bundle/contract_diff.h"
#include "bundle/safetensors.h"
#include "cli/bundle_commands.h"
#include "cli/report.h"

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kExitDifferent = 1;
constexpr int kExitTrouble = 2;
constexpr size_t kShownTensors = 10;

struct DiffFlags {
  std::string first;
  std::string second;
  bool json = false;
};

/// As diff(1): 1 says "different", so trouble is 2.
[[noreturn]] void fail_diff(const Error& error) {
  std::cerr << "beralih: " << error.message << '\n';
  throw CLI::RuntimeError(kExitTrouble);
}

Bundle open_for_diff(const std::string& directory) {
  OpenOptions sizes_only;
  sizes_only.verify = VerifyMode::kNever;
  auto bundle = open_bundle(directory, sizes_only);
  if (!bundle) fail_diff(bundle.error());
  return *std::move(bundle);
}

std::string shape_text(const SafetensorsEntry& entry) {
  return entry.dtype + " " + Json(entry.shape).dump();
}

bool same_bytes(const SafetensorsEntry& a, const SafetensorsEntry& b) {
  return a.bytes.size() == b.bytes.size() &&
         std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

/// One sentence for each tensor that is not the same in both files.
std::vector<std::string> diff_tensors(const Bundle& first, const Bundle& second) {
  const auto ours = first.file("weights");
  const auto theirs = second.file("weights");
  std::vector<std::string> out;
  if (ours == nullptr || theirs == nullptr) return out;
  const auto a = parse_safetensors(ours->bytes(), first.directory.string());
  const auto b = parse_safetensors(theirs->bytes(), second.directory.string());
  if (!a) fail_diff(a.error());
  if (!b) fail_diff(b.error());
  std::map<std::string, const SafetensorsEntry*> others;
  for (const SafetensorsEntry& entry : *b) others.emplace(entry.name, &entry);
  for (const SafetensorsEntry& entry : *a) {
    const auto found = others.find(entry.name);
    if (found == others.end()) {
      out.push_back(entry.name + ": only in the first");
      continue;
    }
    const SafetensorsEntry& other = *found->second;
    if (shape_text(entry) != shape_text(other)) {
      out.push_back(entry.name + ": " + shape_text(entry) + " became " + shape_text(other));
    } else if (!same_bytes(entry, other)) {
      out.push_back(entry.name + ": other values");
    }
    others.erase(found);
  }
  for (const auto& [name, unused] : others) out.push_back(name + ": only in the second");
  return out;
}

std::vector<std::string> verdict(const std::vector<ContractDifference>& differences) {
  std::vector<Impact> impacts;
  for (const ContractDifference& difference : differences) impacts.push_back(difference.impact);
  std::sort(impacts.begin(), impacts.end());
  impacts.erase(std::unique(impacts.begin(), impacts.end()), impacts.end());
  if (impacts.size() > 1) std::erase(impacts, Impact::kMetadata);
  std::vector<std::string> words;
  for (const Impact impact : impacts) words.emplace_back(impact_words(impact));
  return words;
}

void print_text(const std::vector<ContractDifference>& differences,
                const std::vector<std::string>& tensors) {
  for (const ContractDifference& difference : differences) {
    const auto side = [](const std::string& value) { return value.empty() ? "(absent)" : value; };
    std::printf("%s: %s\n  - %s\n  + %s\n", difference.field.c_str(),
                std::string(impact_words(difference.impact)).c_str(),
                side(difference.first).c_str(), side(difference.second).c_str());
  }
  if (!tensors.empty()) std::printf("tensors that differ: %zu\n", tensors.size());
  for (size_t i = 0; i < std::min(tensors.size(), kShownTensors); ++i)
    std::printf("  %s\n", tensors[i].c_str());
  if (tensors.size() > kShownTensors) std::puts("  … (--json lists them all)");
  std::string sum;
  for (const std::string& words : verdict(differences)) sum += (sum.empty() ? "" : ", ") + words;
  std::printf("%s\n", sum.empty() ? "the same contract" : ("in sum: " + sum).c_str());
}

void diff(const DiffFlags& flags) {
  const Bundle first = open_for_diff(flags.first);
  const Bundle second = open_for_diff(flags.second);
  const auto differences = diff_contracts(first.contract(), second.contract());
  const bool same = first.identity.contract_hash == second.identity.contract_hash;
  const auto tensors = same ? std::vector<std::string>() : diff_tensors(first, second);
  if (flags.json) {
    Json json;
    json["first"] = first.identity.contract_hash;
    json["second"] = second.identity.contract_hash;
    json["same_contract"] = same;
    json["same_preprocessing"] =
        first.identity.preprocessing_hash == second.identity.preprocessing_hash;
    json["in_sum"] = verdict(differences);
    json["differences"] = Json::array();
    for (const ContractDifference& difference : differences) {
      const auto side = [](const std::string& text) {
        return text.empty() ? Json() : Json::parse(text);
      };
      json["differences"].push_back({
          {"field",  difference.field               },
          {"first",  side(difference.first)         },
          {"second", side(difference.second)        },
          {"impact", impact_words(difference.impact)}
      });
    }
    json["tensors"] = tensors;
    std::puts(json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  } else if (!same && differences.empty()) {
    std::puts("the same content; contract.json is written differently");
  } else {
    print_text(differences, tensors);
  }
  flush_stdout();
  if (!same) throw CLI::RuntimeError(kExitDifferent);
}

}  // namespace

void add_bundle_diff_command(CLI::App& bundle) {
  auto flags = std::make_shared<DiffFlags>();
  CLI::App* command = bundle.add_subcommand(
      "diff", "compare two bundles field by field and say which change matters");
  command->add_option("FIRST", flags->first, "directory of a bundle")->required();
  command->add_option("SECOND", flags->second, "directory of another")->required();
  command->add_flag("--json", flags->json, "one JSON object instead of text");
  command->footer("Exit status: 0 if the contracts are the same, 1 if they differ, 2 on trouble.");
  command->callback([flags] { diff(*flags); });
}

}  // namespace beralih
