// beralih bundle inspect: what is in a bundle, without running it.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/bundle_commands.h"
#include "cli/bundle_layers.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/report.h"

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;

struct InspectFlags {
  std::string bundle = kDefaultBundle;
  bool json = false;
};

/// 21,612,456
std::string grouped(int64_t number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<int>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<size_t>(at), ",");
  return text;
}

/// The contract as stored, between its hashes and the layers.
Json describe(const Bundle& bundle, const std::vector<TensorDescription>& layers) {
  Json json;
  json["bundle"] = bundle.directory.string();
  json["contract_hash"] = bundle.identity.contract_hash;
  json["preprocessing_hash"] = bundle.identity.preprocessing_hash;
  json["preprocessing_text"] = bundle.identity.preprocessing_text;
  json["contract"] = Json::parse(bundle.identity.json);
  int64_t bytes = 0;
  for (const BundleFile& file : bundle.contract().files) bytes += file.bytes;
  json["bytes"] = bytes;
  int64_t parameters = 0;
  json["layers"] = Json::array();
  for (const TensorDescription& layer : layers) {
    parameters += parameter_count(layer);
    json["layers"].push_back({
        {"name",       layer.name            },
        {"dtype",      layer.dtype           },
        {"shape",      layer.shape           },
        {"parameters", parameter_count(layer)},
        {"bytes",      layer.bytes           }
    });
  }
  json["parameters"] = parameters;
  json["labels"] = bundle.labels.size();
  return json;
}

void print_line(const char* key, const std::string& value) {
  if (!value.empty()) std::printf("  %-16s %s\n", key, value.c_str());
}

std::string shown(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void print_files(const Bundle& bundle) {
  std::puts("files");
  for (const BundleFile& file : bundle.contract().files) {
    std::printf("  %-13s %-24s %13s  %s\n", file.role.c_str(), file.path.c_str(),
                grouped(file.bytes).c_str(), file.sha256.c_str());
  }
}

void print_layers(const Json& json) {
  std::printf("layers: %zu tensors, %s parameters\n", json["layers"].size(),
              grouped(json["parameters"].get<int64_t>()).c_str());
  for (const Json& layer : json["layers"]) {
    std::printf("  %-40s %-6s %-20s %13s\n", layer["name"].get<std::string>().c_str(),
                layer["dtype"].get<std::string>().c_str(), layer["shape"].dump().c_str(),
                grouped(layer["parameters"].get<int64_t>()).c_str());
  }
}

void print_golden(const Bundle& bundle) {
  std::puts("golden cases");
  for (const GoldenCase& golden : bundle.contract().golden) {
    std::printf("  %s  tensor %s\n", golden.image.c_str(), golden.tensor_sha256.c_str());
    for (const GoldenProbability& entry : golden.top5) {
      const auto index = static_cast<size_t>(entry.index);
      std::printf("    %6.2f %%  %4d  %s\n", entry.probability * 100, entry.index,
                  index < bundle.labels.size() ? bundle.labels[index].c_str() : "(no such class)");
    }
  }
}

void print_text(const Bundle& bundle, const Json& json) {
  const Contract& contract = bundle.contract();
  std::printf("%s %s, %s in %zu files\n", contract.name.c_str(), contract.version.c_str(),
              readable_bytes(json["bytes"].get<int64_t>()).c_str(), contract.files.size() + 2);
  print_line("description", contract.description);
  print_line("contract", bundle.identity.contract_hash);
  print_line("preprocessing", bundle.identity.preprocessing_hash);
  const Json& stored = json["contract"];
  for (const char* tensor : {"input", "output"}) {
    const Json& metadata = stored[tensor];
    print_line(tensor, shown(metadata["name"]) + "  " + shown(metadata["datatype"]) + "  " +
                           metadata["shape"].dump());
  }
  print_line("labels", std::to_string(bundle.labels.size()));
  print_line("tolerance", "float32 " + stored["tolerance"]["fp32"].dump() + ", bfloat16 " +
                              stored["tolerance"]["bf16"].dump());
  std::puts("preprocessing");
  for (const auto& [knob, value] : stored["preprocessing"].items())
    std::printf("  %-22s %s\n", knob.c_str(), shown(value).c_str());
  print_files(bundle);
  print_layers(json);
  print_golden(bundle);
  for (const char* part : {"edge_agreement", "provenance"}) {
    if (!stored.contains(part)) continue;
    std::puts(part);
    for (const auto& [field, value] : stored[part].items()) {
      if (shown(value).empty()) continue;
      std::printf("  %-31s %s\n", field.c_str(), shown(value).c_str());
    }
  }
  std::puts("Sizes were checked, hashes are as stored: `beralih bundle verify` checks them.");
}

void inspect(const InspectFlags& flags) {
  OpenOptions sizes_only;
  sizes_only.verify = VerifyMode::kNever;
  const auto bundle = open_bundle(flags.bundle, sizes_only);
  if (!bundle) fail_command(bundle.error());
  const auto layers = list_layers(*bundle);
  if (!layers) fail_command(layers.error());
  const Json json = describe(*bundle, *layers);
  if (flags.json) {
    std::puts(json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    print_text(*bundle, json);
  }
  flush_stdout();
}

}  // namespace

void add_bundle_inspect_command(CLI::App& bundle) {
  auto flags = std::make_shared<InspectFlags>();
  CLI::App* command = bundle.add_subcommand(
      "inspect", "print files, layers, preprocessing knobs, golden cases, provenance and hashes");
  command->add_option("BUNDLE", flags->bundle, "directory of the bundle")
      ->envname("BERALIH_BUNDLE")
      ->capture_default_str();
  command->add_flag("--json", flags->json, "one JSON object instead of text");
  command->callback([flags] { inspect(*flags); });
}

}  // namespace beralih
