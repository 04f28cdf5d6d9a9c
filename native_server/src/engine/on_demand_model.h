// A model that is loaded when a request comes instead of at the start: what a service should not
// do, so that the lesson can show what it costs.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <semaphore>

#include "beralih/result.h"
#include "engine/classifier.h"

namespace beralih {

enum class LoadPolicy { kAtStart, kFirstRequest, kEveryRequest };

class OnDemandModel : public std::enable_shared_from_this<OnDemandModel> {
 public:
  OnDemandModel(std::filesystem::path bundle, Classifier::MakeEngine make_engine,
                ClassifierOptions options, LoadPolicy policy);

  /// Thread-safe; blocks while it loads. Under kFirstRequest everybody waits for the one load;
  /// under kEveryRequest as many load at once as there are cores. Errors: those of
  /// Classifier::load().
  Result<std::shared_ptr<Classifier>> get();

 private:
  Result<std::shared_ptr<Classifier>> load() const;

  std::filesystem::path bundle_;
  Classifier::MakeEngine make_engine_;
  ClassifierOptions options_;
  LoadPolicy policy_;
  std::mutex mutex_;
  std::shared_ptr<Classifier> first_;  ///< guarded by mutex_
  std::counting_semaphore<> places_;
};

}  // namespace beralih
