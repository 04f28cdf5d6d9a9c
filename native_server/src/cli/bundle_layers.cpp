#include "cli/bundle_layers.h"

#include <functional>
#include <numeric>

#include "bundle/safetensors.h"

namespace beralih {

Result<std::vector<TensorDescription>> list_layers(const Bundle& bundle) {
  const Contract& contract = bundle.contract();
  const auto path = [&](const char* role) {
    return (bundle.directory / contract.file(role)->path).string();
  };
  if (const auto model = bundle.file("model")) {
    const auto engine = load_engine_module();
    if (!engine) return engine.error();
    return (*engine)->list_tensors(model->bytes(), path("model"));
  }
  const auto weights = bundle.file("weights");
  if (weights == nullptr) return std::vector<TensorDescription>{};
  const auto entries = parse_safetensors(weights->bytes(), path("weights"));
  if (!entries) return entries.error();
  std::vector<TensorDescription> layers;
  for (const SafetensorsEntry& entry : *entries) {
    layers.push_back(
        {entry.name, entry.dtype, entry.shape, static_cast<int64_t>(entry.bytes.size())});
  }
  return layers;
}

int64_t parameter_count(const TensorDescription& tensor) {
  return std::accumulate(tensor.shape.begin(), tensor.shape.end(), int64_t{1}, std::multiplies<>());
}

}  // namespace beralih
