// GET /api/artifacts: what is loaded in this process, read from the process, the bundle and the
// weights' own header. The members have the names of the JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "beralih/result.h"
#include "engine/classifier.h"
#include "telemetry/nvml.h"
#include "telemetry/process.h"

namespace beralih {

/// What an accelerator has done so far, and its clocks where the driver tells.
struct DeviceUse {
  uint64_t batches = 0;
  double mean_copy_ms = 0;     ///< of a batch's upload, on the device
  double mean_compute_ms = 0;  ///< of a batch, on the device
  double context_ms = 0;       ///< opening it at the start
  double upload_ms = 0;        ///< of the weights, at the start
  int64_t memory_used_bytes = 0;
  int64_t memory_own_bytes = 0;
  std::optional<NvmlReading> reading;
};

struct ServerFacts {
  std::string version;                      ///< of this program
  std::string libtorch;                     ///< as the engine reports its library, without the name
  std::string device;                       ///< where the network runs: "cpu"
  std::string dtype;                        ///< what it computes in: "fp32", "bf16"
  std::string variant;                      ///< EngineMetadata::variant
  std::vector<EngineCandidate> candidates;  ///< what was tried at the start, if anything
  std::vector<size_t> warm_batches;         ///< batch sizes in use, ascending
  std::optional<DeviceFacts> card;          ///< the accelerator, where the network runs on one
  DeviceUse use;                            ///< of it, now
  int threads = 0;                          ///< of the network
  int64_t pid = 0;                          ///< process id
  std::string started_at;                   ///< when the program began, RFC 3339 in UTC
  double uptime_s = 0;                      ///< seconds since then
};

/// Milliseconds of the start.
struct LoadTimes {
  double hashes = 0;   ///< reading the contract, mapping every file and computing its SHA-256
  double program = 0;  ///< reading the architecture into libtorch
  double attach = 0;   ///< parsing the weights' header and attaching every tensor
  double warm_up = 0;  ///< the first runs, on zeros
  double golden = 0;   ///< the golden case that must come out before the server is ready
  double total = 0;  ///< from the start of the program until ready; more than the sum of the above
};

struct Artifact {
  std::string role;    ///< as in the contract
  std::string path;    ///< within the bundle
  int64_t bytes = 0;   ///< checked against the file at the start
  std::string sha256;  ///< likewise
  // The weights alone:
  std::optional<std::string> dtype;   ///< as safetensors names it: "F32"; several joined with ", "
  std::optional<int64_t> tensors;     ///< attached to the program
  std::optional<int64_t> parameters;  ///< their elements
};

/// One tensor of the weights, in the order of the file.
struct Layer {
  std::string name;
  std::vector<int64_t> shape;
  std::string dtype;       ///< as safetensors names it
  int64_t parameters = 0;  ///< elements
};

struct ArtifactsReport {
  ServerFacts server;
  LoadTimes load;
  std::vector<Artifact> artifacts;  ///< in the contract's order
  ProcessMemory memory;             ///< now
  std::vector<Layer> layers;
};

/// Errors: kInvalidBundle if the weights' header cannot be read.
Result<ArtifactsReport> collect_artifacts(const Classifier& classifier, double ready_after_ms);

std::string artifacts_json(const ArtifactsReport& report);

}  // namespace beralih
