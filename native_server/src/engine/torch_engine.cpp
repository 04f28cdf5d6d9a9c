// The network as a TorchScript program on libtorch, its weights attached from the mapped file.
#include "engine/engine_module.h"

#include <ATen/Parallel.h>
#include <torch/script.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>

#include "bundle/program_archive.h"
#include "bundle/safetensors.h"
#include "engine/memory_stream.h"

namespace beralih {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Error invalid(const std::string& what) { return Error{ErrorCode::kInvalidBundle, what}; }

/// libtorch's messages carry traces over many lines: the "RuntimeError:" line says what happened in
/// a program, the first line that is not empty says it elsewhere.
std::string short_message(const std::exception& exception) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&exception);
  std::istringstream lines(torch_error != nullptr ? torch_error->what_without_backtrace()
                                                  : exception.what());
  std::string first;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("RuntimeError: ")) return line;
    if (first.empty()) first = line;
  }
  return first.empty() ? "no reason given" : first;
}

at::ScalarType scalar_type(std::string_view dtype) {
  static const std::map<std::string_view, at::ScalarType> kTypes{
      {"BOOL", at::kBool    },
      {"U8",   at::kByte    },
      {"I8",   at::kChar    },
      {"I16",  at::kShort   },
      {"I32",  at::kInt     },
      {"I64",  at::kLong    },
      {"F16",  at::kHalf    },
      {"BF16", at::kBFloat16},
      {"F32",  at::kFloat   },
      {"F64",  at::kDouble  }
  };
  const auto found = kTypes.find(dtype);
  return found == kTypes.end() ? at::ScalarType::Undefined : found->second;
}

/// "stages.0.1.conv1.weight": the module that owns the last part, and that part.
std::pair<torch::jit::Module, std::string> owner_of(const torch::jit::Module& root,
                                                    const std::string& name) {
  torch::jit::Module module = root;
  size_t from = 0;
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', from)) {
    module = module.attr(name.substr(from, dot - from)).toModule();
    from = dot + 1;
  }
  return {module, name.substr(from)};
}

template <typename Visit>
void for_each_tensor(const torch::jit::Module& program, const Visit& visit) {
  for (const auto& parameter : program.named_parameters()) visit(parameter.name, parameter.value);
  for (const auto& buffer : program.named_buffers()) visit(buffer.name, buffer.value);
}

/// Attaches every tensor of the file to the parameter or buffer of its name; none may be missing,
/// none left over. `setattr` itself would take a tensor of any type and shape.
Status attach_weights(torch::jit::Module& program, const std::shared_ptr<const MappedFile>& file,
                      const std::string& path, LoadRecord& record) {
  const auto entries = parse_safetensors(file->bytes(), path);
  if (!entries) return entries.error();

  std::map<std::string, at::Tensor> wanted;
  for_each_tensor(program, [&](const std::string& name, const at::Tensor& tensor) {
    wanted.emplace(name, tensor);
  });

  for (const SafetensorsEntry& entry : *entries) {
    const auto found = wanted.find(entry.name);
    if (found == wanted.end())
      return invalid(path + ": the program has no tensor \"" + entry.name + "\"");
    const at::Tensor& declared = found->second;
    const at::ScalarType type = scalar_type(entry.dtype);
    if (type != declared.scalar_type()) {
      return invalid(path + ": tensor \"" + entry.name + "\" is " + entry.dtype +
                     ", the program declares " + c10::toString(declared.scalar_type()));
    }
    // An architecture file has empty tensors; a filled one states its shape.
    if (declared.numel() > 0 && declared.sizes() != at::IntArrayRef(entry.shape)) {
      return invalid(path + ": tensor \"" + entry.name +
                     "\" has another shape than the program declares");
    }
    // Read-only memory behind a mutable pointer: a program that wrote to its weights would crash,
    // which InferenceMode and eval() rule out for the layers of a classifier. The deleter keeps the
    // mapping.
    auto* data = const_cast<uint8_t*>(entry.bytes.data());
    at::Tensor tensor = at::from_blob(
        data, entry.shape, [file](void*) {}, at::TensorOptions().dtype(type));
    auto [module, attribute] = owner_of(program, entry.name);
    module.setattr(attribute, std::move(tensor));
    wanted.erase(found);

    ++record.tensors;
    record.weight_bytes += static_cast<int64_t>(entry.bytes.size());
    record.parameters +=
        static_cast<int64_t>(entry.bytes.size() / safetensors_element_size(entry.dtype));
  }
  if (!wanted.empty())
    return invalid(path + ": lacks the tensor \"" + wanted.begin()->first + "\" of the program");
  return Ok{};
}

/// Errors: kInvalidBundle; throws what libtorch throws.
Result<torch::jit::Module> load_program(std::span<const uint8_t> archive, const std::string& path) {
  if (auto checked = check_program_archive(archive, path); !checked) return checked.error();
  MemoryStream stream(archive);
  return torch::jit::load(stream, at::kCPU);
}

void count_weights(const torch::jit::Module& program, LoadRecord& record) {
  for_each_tensor(program, [&](const std::string&, const at::Tensor& tensor) {
    ++record.tensors;
    record.parameters += tensor.numel();
    record.weight_bytes += static_cast<int64_t>(tensor.nbytes());
  });
}

class TorchEngine final : public InferenceEngine {
 public:
  TorchEngine(torch::jit::Module program, EngineMetadata metadata, int64_t classes)
      : program_(std::move(program)), metadata_(std::move(metadata)), classes_(classes) {}

  const EngineMetadata& metadata() const override { return metadata_; }
  Result<std::vector<std::vector<float>>> infer(std::span<const Tensor> batch) override;

  /// The executor profiles the first run of a batch size and specialises on the second.
  Status warm_up(const Tensor& input) {
    const auto start = Clock::now();
    for (int run = 0; run < 2; ++run) {
      if (auto rows = infer(std::span(&input, 1)); !rows) return rows.error();
    }
    metadata_.load.warm_up_ms = milliseconds_since(start);
    return Ok{};
  }

 private:
  Result<at::Tensor> to_input(std::span<const Tensor> batch) const;

  torch::jit::Module program_;
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
  return parts.size() == 1 ? parts.front() : at::cat(parts);
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

/// Zeros in the contract's input shape, batch of 1; a free dimension has no known size to warm.
std::optional<Tensor> warm_up_input(const Contract& contract) {
  Tensor input;
  input.shape = contract.input.shape;
  if (input.shape.empty()) return std::nullopt;
  input.shape.front() = 1;
  size_t elements = 1;
  for (const int64_t extent : input.shape) {
    if (extent < 1) return std::nullopt;
    elements *= static_cast<size_t>(extent);
  }
  if (contract.preprocessing.dtype == DataType::kFloat32) {
    input.data = std::vector<float>(elements);
  } else {
    input.data = std::vector<uint8_t>(elements);
  }
  return input;
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
  try {
    const unsigned hardware = std::max(1u, std::thread::hardware_concurrency());
    at::set_num_threads(options.threads > 0 ? options.threads : static_cast<int>(hardware));

    EngineMetadata metadata;
    metadata.device = "cpu";
    metadata.dtype = "fp32";
    metadata.library = "libtorch " TORCH_VERSION;
    metadata.threads = at::get_num_threads();

    auto start = Clock::now();
    auto loaded =
        load_program(bundle.files.find(architecture->path)->second->bytes(), architecture_path);
    if (!loaded) return loaded.error();
    torch::jit::Module program = *std::move(loaded);
    program.eval();
    metadata.load.architecture_ms = milliseconds_since(start);

    start = Clock::now();
    if (weights != nullptr) {
      const std::string weights_path = (bundle.directory / weights->path).string();
      if (auto attached =
              attach_weights(program, bundle.file("weights"), weights_path, metadata.load);
          !attached) {
        return attached.error();
      }
    } else {
      count_weights(program, metadata.load);
    }
    metadata.load.attach_ms = milliseconds_since(start);

    auto engine = std::make_unique<TorchEngine>(std::move(program), std::move(metadata),
                                                contract.output.shape.back());
    if (const auto input = warm_up_input(contract)) {
      if (auto warm = engine->warm_up(*input); !warm) {
        return invalid(architecture_path +
                       ": the program does not run on the contract's input with these weights: " +
                       warm.error().message);
      }
    }
    return std::unique_ptr<InferenceEngine>(std::move(engine));
  } catch (const std::exception& exception) {
    return invalid(architecture_path + ": not a TorchScript program that this libtorch can load: " +
                   short_message(exception));
  }
}

Result<std::vector<TensorDescription>> list_program_tensors(std::span<const uint8_t> archive,
                                                            const std::string& path) {
  try {
    const auto program = load_program(archive, path);
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
    &beralih::make_torch_engine, &beralih::list_program_tensors};
