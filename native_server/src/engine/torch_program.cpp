#include "engine/torch_program.h"

#include <chrono>
#include <map>
#include <sstream>
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

void count_weights(const torch::jit::Module& program, LoadRecord& record) {
  for_each_tensor(program, [&](const std::string&, const at::Tensor& tensor) {
    ++record.tensors;
    record.parameters += tensor.numel();
    record.weight_bytes += static_cast<int64_t>(tensor.nbytes());
  });
}

}  // namespace

std::string short_message(const std::exception& exception) {
  // Messages carry traces over many lines: the "RuntimeError:" line says what happened in a
  // program ("builtins.RuntimeError:" where the program raised it itself), the first line that is
  // not empty says it elsewhere.
  const auto* torch_error = dynamic_cast<const c10::Error*>(&exception);
  std::istringstream lines(torch_error != nullptr ? torch_error->what_without_backtrace()
                                                  : exception.what());
  std::string first;
  for (std::string line; std::getline(lines, line);) {
    for (const std::string_view prefix : {"RuntimeError: ", "builtins.RuntimeError: "})
      if (line.starts_with(prefix)) return line.substr(line.find("RuntimeError"));
    if (first.empty()) first = line;
  }
  return first.empty() ? "no reason given" : first;
}

void for_each_tensor(const torch::jit::Module& program,
                     const std::function<void(const std::string&, const at::Tensor&)>& visit) {
  for (const auto& parameter : program.named_parameters()) visit(parameter.name, parameter.value);
  for (const auto& buffer : program.named_buffers()) visit(buffer.name, buffer.value);
}

Result<torch::jit::Module> read_program(std::span<const uint8_t> archive, const std::string& path) {
  if (auto checked = check_program_archive(archive, path); !checked) return checked.error();
  MemoryStream stream(archive);
  return torch::jit::load(stream, at::kCPU);
}

Result<torch::jit::Module> load_program(const Bundle& bundle, const BundleFile& architecture,
                                        const BundleFile* weights, LoadRecord& record) {
  auto start = Clock::now();
  auto program = read_program(bundle.files.find(architecture.path)->second->bytes(),
                              (bundle.directory / architecture.path).string());
  if (!program) return program.error();
  program->eval();
  record.architecture_ms = milliseconds_since(start);

  start = Clock::now();
  if (weights != nullptr) {
    const std::string path = (bundle.directory / weights->path).string();
    if (auto attached =
            attach_weights(*program, bundle.files.find(weights->path)->second, path, record);
        !attached) {
      return attached.error();
    }
  } else {
    count_weights(*program, record);
  }
  record.attach_ms = milliseconds_since(start);
  return program;
}

}  // namespace beralih
