#include "engine/null_engine.h"

#include <utility>

namespace beralih {
namespace {

class NullEngine : public InferenceEngine {
 public:
  explicit NullEngine(size_t classes) : classes_(classes) {
    metadata_.device = kNullDevice;
    metadata_.dtype = "fp32";
    metadata_.library = "no network: every logit is 0";
    metadata_.variant = "null";
    metadata_.predicts = false;
  }

  const EngineMetadata& metadata() const override { return metadata_; }

  Result<std::vector<std::vector<float>>> infer(std::span<const Tensor> batch) override {
    return std::vector<std::vector<float>>(batch.size(), std::vector<float>(classes_));
  }

 private:
  size_t classes_;
  EngineMetadata metadata_;
};

}  // namespace

Result<std::unique_ptr<InferenceEngine>> make_null_engine(const Bundle& bundle) {
  const auto& shape = bundle.contract().output.shape;
  const int64_t classes = shape.empty() ? 0 : shape.back();
  if (classes < 1) {
    return Error{ErrorCode::kInvalidBundle,
                 (bundle.directory / "contract.json").string() +
                     ": its output leaves the number of classes free, which the null engine needs"};
  }
  return std::unique_ptr<InferenceEngine>(
      std::make_unique<NullEngine>(static_cast<size_t>(classes)));
}

}  // namespace beralih
