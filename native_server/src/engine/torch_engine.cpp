// The network as a TorchScript program on libtorch, its weights attached from the mapped file.
#include "engine/engine_module.h"

#include <ATen/Parallel.h>
#include <torch/csrc/jit/passes/tensorexpr_fuser.h>
#include <torch/script.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>
#include <utility>

#include "engine/device_lane.h"
#include "engine/example_input.h"
#include "engine/golden_probe.h"
#include "engine/make_device_engine.h"
#include "engine/torch_program.h"
#include "engine/winograd.h"

namespace beralih {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Error invalid(const std::string& what) { return Error{ErrorCode::kInvalidBundle, what}; }

/// How a program wants its input.
enum class InputOrder { kAsGiven, kChannelsLast };

class TorchEngine final : public InferenceEngine {
 public:
  TorchEngine(torch::jit::Module program, InputOrder order, int64_t classes)
      : program_(std::move(program)), order_(order), classes_(classes) {}

  const EngineMetadata& metadata() const override { return metadata_; }
  void set_metadata(EngineMetadata metadata) { metadata_ = std::move(metadata); }
  Result<std::vector<std::vector<float>>> infer(std::span<const Tensor> batch) override;

  /// The executor profiles the first run of a batch size and specialises on the second. Returns
  /// the quickest of the `measured` runs that follow the cold ones, in milliseconds.
  Result<double> warm_up(const Tensor& input, int cold, int measured) {
    double quickest = std::numeric_limits<double>::infinity();
    for (int run = 0; run < cold + measured; ++run) {
      const auto start = Clock::now();
      if (auto rows = infer(std::span(&input, 1)); !rows) return rows.error();
      if (run >= cold) quickest = std::min(quickest, milliseconds_since(start));
    }
    return quickest;
  }

 private:
  Result<at::Tensor> to_input(std::span<const Tensor> batch) const;

  torch::jit::Module program_;
  InputOrder order_;
  EngineMetadata metadata_;
  int64_t classes_;
};

Result<at::Tensor> TorchEngine::to_input(std::span<const Tensor> batch) const {
  std::vector<at::Tensor> parts;
  for (const Tensor& tensor : batch) {
    if (tensor.shape != batch.front().shape)
      return Error{ErrorCode::kInternal, "a batch of unequal shapes"};
    const at::ScalarType type = tensor.dtype() == DataType::kFloat32 ? at::kFloat : at::kByte;
    auto* data = const_cast<uint8_t*>(
        tensor.bytes().data());  // from_blob takes no const; forward does not write
    parts.push_back(at::from_blob(data, tensor.shape, at::TensorOptions().dtype(type)));
  }
  at::Tensor input = parts.size() == 1 ? parts.front() : at::cat(parts);
  if (order_ == InputOrder::kChannelsLast && input.dim() == 4)
    return input.contiguous(at::MemoryFormat::ChannelsLast);
  return input;
}

Result<std::vector<std::vector<float>>> TorchEngine::infer(std::span<const Tensor> batch) {
  if (batch.empty()) return std::vector<std::vector<float>>{};
  try {
    const c10::InferenceMode inference_mode;
    auto input = to_input(batch);
    if (!input) return input.error();
    const c10::IValue result = program_.forward({*std::move(input)});
    if (!result.isTensor()) return invalid("the network returns something other than a tensor");
    const at::Tensor logits = result.toTensor().to(at::kFloat).contiguous();
    const auto rows = static_cast<int64_t>(batch.size());
    if (logits.sizes() != at::IntArrayRef({rows, classes_})) {
      std::ostringstream shape;
      shape << logits.sizes();
      return invalid("the network returns the shape " + shape.str() + ", the contract says [" +
                     std::to_string(rows) + ", " + std::to_string(classes_) + "]");
    }
    std::vector<std::vector<float>> out;
    const float* data = logits.data_ptr<float>();
    for (int64_t row = 0; row < rows; ++row, data += classes_)
      out.emplace_back(data, data + classes_);
    return out;
  } catch (const std::exception& exception) {
    return Error{ErrorCode::kInternal, "inference failed: " + short_message(exception)};
  }
}

/// A packed form of a program, not yet run.
struct PackedEngine {
  std::unique_ptr<TorchEngine> engine;
  std::string variant;  ///< "packed", or "winograd" where at least one convolution is
};

PackedEngine pack(const torch::jit::Module& program, at::ScalarType type, Filtering filtering,
                  const Bundle& bundle, const Tensor& example) {
  const c10::InferenceMode inference_mode;
  auto packed = pack_program(program, type, filtering, at::zeros(example.shape));
  const int64_t classes = bundle.contract().output.shape.back();
  return {
      std::make_unique<TorchEngine>(std::move(packed.module), InputOrder::kChannelsLast, classes),
      packed.winograd_convolutions > 0 ? "winograd" : "packed"};
}

struct PackedForm {
  const char* dtype;
  at::ScalarType type;
  Filtering filtering = Filtering::kDirect;
};

/// The kernel's list of what the processor can do: "avx512_bf16", "amx_bf16", on Arm "bf16".
bool processor_has_bf16() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string word; cpuinfo >> word;) {
    if (word == "bf16" || word.ends_with("_bf16")) return true;
  }
  return false;
}

std::vector<PackedForm> packed_forms(const std::string& dtype) {
  std::vector<PackedForm> forms;
  if (dtype != "bf16") forms.push_back({"fp32", at::kFloat});
  if (dtype == "auto" && has_winograd())
    forms.push_back({"fp32", at::kFloat, Filtering::kWinograd});
  // Without instructions for it bf16 is emulated, several times slower than fp32.
  if (dtype == "bf16" || (dtype != "fp32" && processor_has_bf16()))
    forms.push_back({"bf16", at::kBFloat16});
  return forms;
}

/// Tries the packed forms beside `mapped` and returns the quickest that reproduces every golden
/// case; with a dtype that was asked for, the packed form in it rather than a quicker one. What was
/// tried stands in `metadata`.
Result<std::unique_ptr<TorchEngine>> choose_engine(std::unique_ptr<TorchEngine> mapped,
                                                   const torch::jit::Module& program,
                                                   const Bundle& bundle, const Tensor& example,
                                                   const EngineOptions& options,
                                                   EngineMetadata& metadata) {
  constexpr int kMeasuredRuns = 2;
  const Contract& contract = bundle.contract();
  const auto tensors = golden_tensors(bundle);
  if (!tensors) return tensors.error();
  const auto timed = mapped->warm_up(example, 0, kMeasuredRuns);
  if (!timed) return timed.error();
  metadata.candidates.push_back({"mapped fp32", *timed, false, ""});
  std::unique_ptr<TorchEngine> best = std::move(mapped);
  double quickest = options.dtype == "auto" ? *timed : std::numeric_limits<double>::infinity();
  size_t chosen = 0;
  std::string refusal;
  for (const PackedForm& form : packed_forms(options.dtype)) {
    EngineCandidate candidate{std::string("packed ") + form.dtype, 0, false, ""};
    try {
      PackedEngine made = pack(program, form.type, form.filtering, bundle, example);
      // Without such a convolution it is the form before it once more.
      if (form.filtering == Filtering::kWinograd && made.variant != "winograd") continue;
      candidate.name = made.variant + " " + form.dtype;
      std::unique_ptr<TorchEngine> packed = std::move(made.engine);
      const auto milliseconds = packed->warm_up(example, 2, kMeasuredRuns);
      const Status golden = milliseconds
                                ? reproduces_golden(*packed, contract, *tensors, form.dtype)
                                : Status(milliseconds.error());
      if (!golden) {
        candidate.refusal = golden.error().message;
      } else {
        candidate.forward_ms = *milliseconds;
        if (*milliseconds < quickest) {
          best = std::move(packed);
          chosen = metadata.candidates.size();
          metadata.variant = made.variant;
          metadata.dtype = form.dtype;
          quickest = *milliseconds;
        }
      }
    } catch (const std::exception& exception) {
      candidate.refusal = short_message(exception);
    }
    refusal = candidate.refusal;
    metadata.candidates.push_back(std::move(candidate));
  }
  if (options.dtype == "bf16" && chosen == 0)
    return invalid("--dtype bf16: the network cannot be run so: " + refusal);
  metadata.candidates[chosen].chosen = true;
  metadata.load.forward_ms = metadata.candidates[chosen].forward_ms;
  return best;
}

bool is_small(const torch::jit::Module& program) {
  int64_t bytes = 0;
  for_each_tensor(program, [&](const std::string&, const at::Tensor& tensor) {
    bytes += static_cast<int64_t>(tensor.nbytes());
  });
  return bytes <= kLargestPackedBytes;
}

/// The packed form in fp32 with `filtering`, untried beside others; nullptr where it cannot serve,
/// `metadata` says why.
std::unique_ptr<TorchEngine> pack_untried(const torch::jit::Module& program, Filtering filtering,
                                          const Bundle& bundle, const Tensor& example,
                                          EngineMetadata& metadata) {
  const bool winograd = filtering == Filtering::kWinograd;
  EngineCandidate candidate{winograd ? "winograd fp32" : "packed fp32", 0, false, ""};
  PackedEngine packed;
  try {
    packed = pack(program, at::kFloat, filtering, bundle, example);
    candidate.name = packed.variant + " fp32";
    // The other cases are tried where those of every engine are, beside the first requests.
    const auto tensors = golden_tensors(bundle, 1);
    const Status golden =
        tensors ? reproduces_golden(*packed.engine, bundle.contract(), *tensors, "fp32")
                : Status(tensors.error());
    const auto timed =
        golden ? packed.engine->warm_up(example, 0, 1) : Result<double>(golden.error());
    if (timed) {
      metadata.load.forward_ms = candidate.forward_ms = *timed;
    } else {
      candidate.refusal = timed.error().message;
    }
  } catch (const std::exception& exception) {
    candidate.refusal = short_message(exception);
  }
  candidate.chosen = candidate.refusal.empty();
  if (candidate.chosen) metadata.variant = packed.variant;
  metadata.candidates.push_back(candidate);
  return candidate.chosen ? std::move(packed.engine) : nullptr;
}

/// CpuEngine::kAuto's copied form; nullptr where the mapped one serves.
std::unique_ptr<TorchEngine> pack_by_default(const torch::jit::Module& program,
                                             const Bundle& bundle, const Tensor& example,
                                             EngineMetadata& metadata) {
  if (has_winograd()) {
    auto engine = pack_untried(program, Filtering::kWinograd, bundle, example, metadata);
    if (engine) return engine;
  }
  return pack_untried(program, Filtering::kDirect, bundle, example, metadata);
}

/// Errors: kInvalidBundle.
Result<std::unique_ptr<TorchEngine>> make_winograd_engine(const torch::jit::Module& program,
                                                          const Bundle& bundle,
                                                          const Tensor& example,
                                                          EngineMetadata& metadata) {
  if (!has_winograd()) {
    return invalid(
        "--cpu-engine winograd: this processor, or the oneDNN of this build, has no such "
        "convolutions");
  }
  auto engine = pack_untried(program, Filtering::kWinograd, bundle, example, metadata);
  if (!engine)
    return invalid("--cpu-engine winograd: the network cannot be run so: " +
                   metadata.candidates.back().refusal);
  if (metadata.variant != "winograd")
    return invalid("--cpu-engine winograd: the network has no convolution of 3x3 that fits");
  return engine;
}

/// Errors: kInvalidBundle.
Result<std::unique_ptr<TorchEngine>> make_cpu_engine(const torch::jit::Module& program,
                                                     const std::string& path, const Bundle& bundle,
                                                     const EngineOptions& options,
                                                     EngineMetadata& metadata) {
  // A libtorch with LLVM (Debian 13's) would compile the fused operators anew for every shape: ten
  // seconds for resnet34 as it starts.
  torch::jit::setTensorExprFuserEnabled(false);
  const Contract& contract = bundle.contract();
  const auto example = example_input(contract);
  // Whoever asks for bf16 asks for copies.
  const bool packed = options.cpu_engine == CpuEngine::kPacked || options.dtype == "bf16";
  if (example && options.cpu_engine == CpuEngine::kWinograd)
    return make_winograd_engine(program, bundle, *example, metadata);
  if (example && !packed && options.cpu_engine == CpuEngine::kAuto && is_small(program)) {
    if (auto engine = pack_by_default(program, bundle, *example, metadata)) return engine;
  }
  auto engine =
      std::make_unique<TorchEngine>(program, InputOrder::kAsGiven, contract.output.shape.back());
  if (!example) return engine;
  const auto warm = engine->warm_up(*example, 1, 1);
  if (!warm) {
    return invalid(path +
                   ": the program does not run on the contract's input with these weights: " +
                   warm.error().message);
  }
  metadata.load.forward_ms = *warm;
  if (!packed) return engine;
  return choose_engine(std::move(engine), program, bundle, *example, options, metadata);
}

/// What "auto" means here. Errors: kInvalidArgument.
Result<DeviceChoice> choose_device(const std::string& text) {
  auto choice = parse_device(text);
  if (!choice || choice->kind != DeviceKind::kAuto) return choice;
  return DeviceChoice{cuda_device_count() > 0 ? DeviceKind::kCuda : DeviceKind::kCpu, 0};
}

Result<std::unique_ptr<InferenceEngine>> make_torch_engine(const Bundle& bundle,
                                                           const EngineOptions& options) {
  const Contract& contract = bundle.contract();
  // A whole TorchScript file, or a program whose weights are mapped from a file of their own.
  const BundleFile* model = contract.file("model");
  const BundleFile* architecture = model != nullptr ? model : contract.file("architecture");
  const BundleFile* weights = model != nullptr ? nullptr : contract.file("weights");
  if (architecture == nullptr || (model == nullptr && weights == nullptr)) {
    return invalid("contract.json names no file with the role \"" +
                   std::string(architecture == nullptr ? "architecture" : "weights") + "\"");
  }
  const std::string architecture_path = (bundle.directory / architecture->path).string();
  const auto device = choose_device(options.device);
  if (!device) return device.error();
  if (device->kind == DeviceKind::kCpu && options.dtype == "fp16") {
    return Error{ErrorCode::kInvalidArgument,
                 "--dtype fp16 needs a card (--device cuda): processors compute in fp32 or bf16"};
  }
  try {
    const unsigned hardware = std::max(1u, std::thread::hardware_concurrency());
    at::set_num_threads(options.threads > 0 ? options.threads : static_cast<int>(hardware));

    EngineMetadata metadata;
    metadata.device = "cpu";
    metadata.dtype = "fp32";
    metadata.library = "libtorch " TORCH_VERSION;
    metadata.threads = at::get_num_threads();

    auto program = load_program(bundle, *architecture, weights, metadata.load);
    if (!program) return program.error();
    if (device->kind != DeviceKind::kCpu) {
      const auto example = example_input(contract);
      if (!example)
        return invalid("contract.json: a device needs an input whose shape the contract states");
      return make_device_engine(*program, bundle, *example, *device, options, std::move(metadata));
    }
    const auto start = Clock::now();
    auto engine = make_cpu_engine(*program, architecture_path, bundle, options, metadata);
    if (!engine) return engine.error();
    metadata.load.warm_up_ms = milliseconds_since(start);
    (*engine)->set_metadata(std::move(metadata));
    return std::unique_ptr<InferenceEngine>(*std::move(engine));
  } catch (const std::exception& exception) {
    return invalid(architecture_path + ": not a TorchScript program that this libtorch can load: " +
                   short_message(exception));
  }
}

Result<std::vector<TensorDescription>> list_program_tensors(std::span<const uint8_t> archive,
                                                            const std::string& path) {
  try {
    const auto program = read_program(archive, path);
    if (!program) return program.error();
    std::vector<TensorDescription> tensors;
    for_each_tensor(*program, [&](const std::string& name, const at::Tensor& tensor) {
      tensors.push_back({name, c10::toString(tensor.scalar_type()), tensor.sizes().vec(),
                         static_cast<int64_t>(tensor.nbytes())});
    });
    return tensors;
  } catch (const std::exception& exception) {
    return invalid(path + ": not a TorchScript program that this libtorch can load: " +
                   short_message(exception));
  }
}

}  // namespace
}  // namespace beralih

extern "C" __attribute__((visibility("default"))) const beralih::EngineModule beralih_engine_module{
    &beralih::make_torch_engine, &beralih::list_program_tensors, &beralih::cuda_device_count};
