#include "http/artifacts.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "bundle/safetensors.h"

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;

double round_to_thousandths(double value) { return std::round(value * 1000) / 1000; }

Json candidates_json(const std::vector<EngineCandidate>& candidates) {
  Json list = Json::array();
  for (const EngineCandidate& each : candidates) {
    list.push_back({
        {"name",   each.name  },
        {"chosen", each.chosen}
    });
    if (each.refusal.empty()) {
      list.back()["forward_ms"] = round_to_thousandths(each.forward_ms);
    } else {
      list.back()["refusal"] = each.refusal;
    }
  }
  return list;
}

DeviceUse device_use(const EngineMetadata& engine) {
  DeviceUse use;
  use.context_ms = engine.load.context_ms;
  use.upload_ms = engine.load.upload_ms;
  const DeviceStatistics& statistics = *engine.device_statistics;
  use.batches = statistics.batches.load();
  const double each = 1000.0 * static_cast<double>(std::max<uint64_t>(use.batches, 1));
  use.mean_copy_ms = static_cast<double>(statistics.copy_us.load()) / each;
  use.mean_compute_ms = static_cast<double>(statistics.compute_us.load()) / each;
  use.memory_used_bytes = statistics.memory_used_bytes.load();
  use.memory_own_bytes = statistics.memory_own_bytes.load();
  use.reading = read_nvml(engine.device_facts->uuid);
  return use;
}

Json card_json(const DeviceFacts& card, const DeviceUse& use) {
  // clang-format off
  Json json{{"name",              card.name},
            {"uuid",              card.uuid},
            {"compute",           card.compute},
            {"cuda_runtime",      card.runtime},
            {"cuda_driver",       card.driver},
            {"multiprocessors",   card.multiprocessors},
            {"memory_bytes",      card.memory_bytes},
            {"memory_used_bytes", use.memory_used_bytes},
            {"memory_own_bytes",  use.memory_own_bytes},
            {"batches",           use.batches},
            {"mean_copy_ms",      round_to_thousandths(use.mean_copy_ms)},
            {"mean_compute_ms",   round_to_thousandths(use.mean_compute_ms)},
            {"context_ms",        round_to_thousandths(use.context_ms)},
            {"upload_ms",         round_to_thousandths(use.upload_ms)}};
  if (use.reading) {
    json["driver"]            = use.reading->driver;
    json["sm_clock_mhz"]      = use.reading->sm_clock_mhz;
    json["memory_clock_mhz"]  = use.reading->memory_clock_mhz;
    json["temperature_c"]     = use.reading->temperature_c;
    json["power_w"]           = use.reading->power_w;
  }
  // clang-format on
  return json;
}

ServerFacts server_facts(const EngineMetadata& engine) {
  constexpr std::string_view kLibrary = "libtorch ";
  ServerFacts facts;
  facts.version = BERALIH_VERSION;
  facts.libtorch =
      engine.library.starts_with(kLibrary) ? engine.library.substr(kLibrary.size()) : "";
  facts.device = engine.device;
  facts.dtype = engine.dtype;
  facts.variant = engine.variant;
  facts.candidates = engine.candidates;
  facts.threads = engine.threads;
  facts.card = engine.device_facts;
  if (engine.device_facts && engine.device_statistics) facts.use = device_use(engine);
  facts.pid = ::getpid();
  facts.started_at = rfc3339(program_started_at());
  facts.uptime_s = program_age_ms() / 1000;
  return facts;
}

void add_dtype(std::string& list, const std::string& dtype) {
  if ((", " + list + ",").find(", " + dtype + ",") != std::string::npos) return;
  list += (list.empty() ? "" : ", ") + dtype;
}

}  // namespace

Result<ArtifactsReport> collect_artifacts(const Classifier& classifier, double ready_after_ms) {
  const Bundle& bundle = classifier.bundle();
  const EngineMetadata& engine = classifier.engine();
  const StartRecord& start = classifier.start_record();
  ArtifactsReport report;
  report.server = server_facts(engine);
  report.server.warm_batches = classifier.scheduler().warm_buckets();
  report.load = {start.bundle_ms,       engine.load.architecture_ms,
                 engine.load.attach_ms, engine.load.warm_up_ms,
                 start.golden_ms,       ready_after_ms};
  report.memory = process_memory();

  for (const BundleFile& file : bundle.contract().files) {
    report.artifacts.push_back({file.role, file.path, file.bytes, file.sha256, {}, {}, {}});
    if (file.role != "weights") continue;
    const auto entries = parse_safetensors(bundle.files.at(file.path)->bytes(), file.path);
    if (!entries) return entries.error();
    std::string dtypes;
    for (const SafetensorsEntry& entry : *entries) {
      add_dtype(dtypes, entry.dtype);
      const size_t elements = entry.bytes.size() / safetensors_element_size(entry.dtype);
      report.layers.push_back(
          {entry.name, entry.shape, entry.dtype, static_cast<int64_t>(elements)});
    }
    Artifact& weights = report.artifacts.back();
    weights.dtype = dtypes;
    weights.tensors = engine.load.tensors;
    weights.parameters = engine.load.parameters;
  }
  return report;
}

std::string artifacts_json(const ArtifactsReport& report) {
  const ServerFacts& server = report.server;
  const LoadTimes& load = report.load;
  Json json;
  // clang-format off
  json["server"] = {{"version",    server.version},
                    {"libtorch",   server.libtorch},
                    {"device",     server.device},
                    {"dtype",      server.dtype},
                    {"engine",     server.variant},
                    {"candidates", candidates_json(server.candidates)},
                    {"batches",    server.warm_batches},
                    {"threads",    server.threads},
                    {"pid",        server.pid},
                    {"started_at", server.started_at},
                    {"uptime_s",   round_to_thousandths(server.uptime_s)}};
  if (server.card) json["server"]["card"] = card_json(*server.card, server.use);
  json["load"] = {{"hashes",  round_to_thousandths(load.hashes)},
                  {"program", round_to_thousandths(load.program)},
                  {"attach",  round_to_thousandths(load.attach)},
                  {"warm_up", round_to_thousandths(load.warm_up)},
                  {"golden",  round_to_thousandths(load.golden)},
                  {"total",   round_to_thousandths(load.total)}};
  // clang-format on
  json["artifacts"] = Json::array();
  for (const Artifact& artifact : report.artifacts) {
    Json row{
        {"role",   artifact.role  },
        {"path",   artifact.path  },
        {"bytes",  artifact.bytes },
        {"sha256", artifact.sha256}
    };
    if (artifact.dtype) row["dtype"] = *artifact.dtype;
    if (artifact.tensors) row["tensors"] = *artifact.tensors;
    if (artifact.parameters) row["parameters"] = *artifact.parameters;
    json["artifacts"].push_back(std::move(row));
  }
  json["memory"] = {
      {"rss_bytes",       report.memory.rss_bytes      },
      {"anonymous_bytes", report.memory.anonymous_bytes}
  };
  json["layers"] = Json::array();
  for (const Layer& layer : report.layers) {
    json["layers"].push_back({
        {"name",       layer.name      },
        {"shape",      layer.shape     },
        {"dtype",      layer.dtype     },
        {"parameters", layer.parameters}
    });
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace beralih
