#include "engine/on_demand_model.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace beralih {

OnDemandModel::OnDemandModel(std::filesystem::path bundle, Classifier::MakeEngine make_engine,
                             ClassifierOptions options, LoadPolicy policy)
    : bundle_(std::move(bundle)),
      make_engine_(std::move(make_engine)),
      options_(std::move(options)),
      policy_(policy),
      places_(std::max(1u, std::thread::hardware_concurrency())) {
  // Who loads in a request does not check the golden case there as well.
  options_.check_golden = false;
}

Result<std::shared_ptr<Classifier>> OnDemandModel::load() const {
  return Classifier::load(bundle_, make_engine_, options_);
}

Result<std::shared_ptr<Classifier>> OnDemandModel::get() {
  if (policy_ == LoadPolicy::kFirstRequest) {
    const std::lock_guard lock(mutex_);
    if (first_ != nullptr) return first_;
    auto loaded = load();
    if (loaded) first_ = *loaded;
    return loaded;
  }
  places_.acquire();
  const std::shared_ptr<void> place(
      nullptr, [self = shared_from_this()](void*) { self->places_.release(); });
  auto loaded = load();
  if (!loaded) return loaded;
  // The place is free again when the request has let go of the model.
  Classifier* const model = loaded->get();
  return std::shared_ptr<Classifier>(model, [place, owner = *std::move(loaded)](Classifier*) {});
}

}  // namespace beralih
