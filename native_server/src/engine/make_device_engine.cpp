#include "engine/make_device_engine.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "engine/device_engine.h"
#include "engine/golden_probe.h"
#include "engine/torch_program.h"

namespace beralih {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMeasuredRuns = 5;
/// Forms are compared by a batch of at most so many: more would say the same and take longer.
constexpr size_t kLargestProbe = 16;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct NamedForm {
  std::string name;
  ProgramForm form;
};

at::ScalarType scalar_type(const std::string& dtype) {
  if (dtype == "fp32") return at::kFloat;
  return dtype == "fp16" ? at::kHalf : at::kBFloat16;
}

/// The likeliest first: where nothing can be measured it is taken.
std::vector<NamedForm> forms(const std::string& dtype, DeviceKind kind) {
  const at::ScalarType type = scalar_type(dtype);
  std::vector<NamedForm> all{
      {dtype + " channels-last", {type, true, false}}
  };
  if (kind == DeviceKind::kCuda) {
    all.push_back({
        dtype + " channels-last fused", {type, true, true}
    });
    all.push_back({
        dtype + " contiguous", {type, false, false}
    });
  }
  return all;
}

/// The quickest of some runs of a batch of `rows`, which exists and is recorded afterwards.
Result<double> time_rows(DeviceEngine& engine, const Tensor& example, size_t rows) {
  const std::vector<Tensor> batch(rows, example);
  double quickest = std::numeric_limits<double>::infinity();
  for (int run = 0; run <= kMeasuredRuns; ++run) {
    const auto start = Clock::now();
    if (auto answered = engine.infer(batch); !answered) return answered.error();
    if (run > 0) quickest = std::min(quickest, milliseconds_since(start));
  }
  return quickest;
}

struct Trial {
  std::unique_ptr<DeviceEngine> engine;
  double probe_ms = 0;    ///< of the batch by which the forms are compared
  double forward_ms = 0;  ///< of a batch of 1
  double upload_ms = 0;
};

Result<Trial> try_form(const torch::jit::Module& program, const Bundle& bundle,
                       const std::vector<Tensor>& golden, const Tensor& example, DeviceLane& lane,
                       const NamedForm& named, const std::string& dtype, size_t probe) {
  Trial trial;
  const auto start = Clock::now();
  std::shared_ptr<const DeviceProgram> there;
  lane.run([&] { there = std::make_shared<DeviceProgram>(program, lane.device(), named.form); });
  trial.upload_ms = milliseconds_since(start);
  if (named.form.fused && there->fused_nodes() == 0)
    return Error{ErrorCode::kInvalidBundle, "nothing to fuse"};
  trial.engine = std::make_unique<DeviceEngine>(lane, there, bundle.contract());
  const auto alone = time_rows(*trial.engine, example, 1);
  if (!alone) return alone.error();
  trial.forward_ms = *alone;
  if (auto status = reproduces_golden(*trial.engine, bundle.contract(), golden, dtype); !status)
    return status.error();
  trial.probe_ms = *alone;
  if (probe > 1) {
    const auto together = time_rows(*trial.engine, example, probe);
    if (!together && together.error().code != ErrorCode::kOutOfMemory) return together.error();
    trial.probe_ms = together ? *together : *alone * static_cast<double>(probe);
  }
  return trial;
}

}  // namespace

Result<std::unique_ptr<InferenceEngine>> make_device_engine(
    const torch::jit::Module& program, const Bundle& bundle, const Tensor& example,
    const DeviceChoice& device, const EngineOptions& options, EngineMetadata metadata) {
  const c10::InferenceMode inference_mode;
  const LaneOptions lane_options{device.index, DeviceEngine::kSlots, options.deterministic};
  auto start = Clock::now();
  auto lane = device.kind == DeviceKind::kStandIn
                  ? Result<std::unique_ptr<DeviceLane>>(make_stand_in_lane(lane_options))
                  : open_cuda_lane(lane_options);
  if (!lane) return lane.error();
  // The first memory that is asked for is what opens the context.
  (void)at::empty({1}, at::TensorOptions().device((*lane)->device()));
  metadata.load.context_ms = milliseconds_since(start);

  const PreprocessSpec& spec = bundle.contract().preprocessing;
  if (spec.dtype == DataType::kFloat32 && !PixelTable::equals_core(spec, (*lane)->device())) {
    return Error{ErrorCode::kInternal,
                 "the device normalises pixels differently than the core; it must not be used"};
  }
  const std::string dtype = options.dtype == "auto" ? "bf16" : options.dtype;
  const auto golden = golden_tensors(bundle);
  if (!golden) return golden.error();
  start = Clock::now();
  const size_t probe = std::clamp<size_t>(options.max_batch, 1, kLargestProbe);
  Trial best;
  Error refusal{ErrorCode::kInvalidBundle, "the network cannot be run on the device"};
  size_t chosen = 0;
  for (const NamedForm& named : forms(dtype, device.kind)) {
    EngineCandidate candidate{named.name, 0, false, ""};
    Result<Trial> trial = Error{ErrorCode::kInternal, ""};
    try {
      trial = try_form(program, bundle, *golden, example, **lane, named, dtype, probe);
    } catch (const std::exception& exception) {
      trial = Error{ErrorCode::kInvalidBundle, short_message(exception)};
    }
    if (!trial) {
      // Its first sentence: libtorch goes on with everything that it knows.
      candidate.refusal = trial.error().message.substr(0, trial.error().message.find(". "));
      if (trial.error().code == ErrorCode::kDeviceLost) return trial.error();
      if (metadata.candidates.empty()) refusal = trial.error();
    } else {
      candidate.forward_ms = trial->forward_ms;
      if (best.engine == nullptr || trial->probe_ms < best.probe_ms) {
        best = *std::move(trial);
        chosen = metadata.candidates.size();
      }
    }
    metadata.candidates.push_back(std::move(candidate));
    (*lane)->release_memory();
    // The quickest may be another one at the next start.
    if (options.deterministic && best.engine != nullptr) break;
  }
  if (best.engine == nullptr) {
    return Error{
        refusal.code,
        "--dtype " + dtype + ": the network does not run so on the device: " + refusal.message};
  }
  metadata.candidates[chosen].chosen = true;
  metadata.load.warm_up_ms = milliseconds_since(start);
  metadata.load.upload_ms = best.upload_ms;
  metadata.load.forward_ms = best.forward_ms;
  metadata.device = device.kind == DeviceKind::kStandIn ? "cuda-on-cpu" : (*lane)->device().str();
  metadata.dtype = dtype;
  metadata.variant = "device";
  metadata.takes_pixels = best.engine->takes_pixels();
  metadata.device_facts = (*lane)->facts();
  metadata.device_statistics = std::make_shared<DeviceStatistics>();
  best.engine->set_metadata(std::move(metadata));
  best.engine->own_lane(*std::move(lane));
  return std::unique_ptr<InferenceEngine>(std::move(best.engine));
}

}  // namespace beralih
