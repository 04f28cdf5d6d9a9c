#include "engine/engine_module.h"

#include <dlfcn.h>

#include <filesystem>
#include <string>

#include "telemetry/process.h"

namespace beralih {
namespace {

constexpr const char* kModuleFile = "libberalih_torch_engine.so";
constexpr const char* kModuleSymbol = "beralih_engine_module";

Result<const EngineModule*> open_module() {
  std::error_code code;
  const std::filesystem::path executable = std::filesystem::read_symlink("/proc/self/exe", code);
  if (code) return Error{ErrorCode::kIo, "cannot find the own executable: " + code.message()};
  // Beside the executable as it is built; in the library folder as it is installed.
  std::filesystem::path module = executable.parent_path() / kModuleFile;
  if (!std::filesystem::exists(module, code))
    module = (executable.parent_path() / BERALIH_ENGINE_DIRECTORY / kModuleFile).lexically_normal();
  const std::string path = module.string();
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return Error{ErrorCode::kIo,
                 std::string("cannot load the engine: ") + ::dlerror() +
                     "; it belongs beside the executable or there, and needs libtorch"};
  }
  const void* symbol = ::dlsym(handle, kModuleSymbol);
  if (symbol == nullptr) return Error{ErrorCode::kIo, path + ": not an engine of this program"};
  return static_cast<const EngineModule*>(symbol);
}

}  // namespace

Result<const EngineModule*> load_engine_module() {
  static const Result<const EngineModule*> module = open_module();
  return module;
}

Result<std::unique_ptr<InferenceEngine>> make_engine(const Bundle& bundle,
                                                     const EngineOptions& options) {
  const auto module = load_engine_module();
  if (!module) return module.error();
  auto engine = (*module)->make(bundle, options);
  if (!engine) return engine.error();
  const EngineMetadata& metadata = (*engine)->metadata();
  // Weights that have been copied, packed or onto a device, are not read again where they lie.
  if (metadata.variant != "mapped" || metadata.device != "cpu") {
    for (const auto& [path, file] : bundle.files) file->release_pages();
  }
  return_free_memory();
  return engine;
}

}  // namespace beralih
