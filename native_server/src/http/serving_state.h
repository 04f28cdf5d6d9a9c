// What the HTTP threads may serve right now. Loading and shutting down change it, requests read it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "beralih/result.h"
#include "engine/classifier.h"

namespace beralih {

class ServingState {
 public:
  /// The classifier while the server is ready, nullptr otherwise. Keep the pointer for one request.
  std::shared_ptr<Classifier> classifier() const {
    const std::lock_guard lock(mutex_);
    return classifier_;
  }

  /// The one that answers a prediction: classifier(), or one that is loaded now (on_demand()).
  std::shared_ptr<Classifier> classifier_for_request() const {
    std::function<std::shared_ptr<Classifier>()> load;
    {
      const std::lock_guard lock(mutex_);
      if (!on_demand_) return classifier_;
      load = on_demand_;
    }
    return load();
  }

  /// From now on the server calls itself ready, and a model is loaded where a prediction needs one;
  /// `load` returns nullptr where that fails.
  void on_demand(std::function<std::shared_ptr<Classifier>()> load) {
    const std::lock_guard lock(mutex_);
    on_demand_ = std::move(load);
    reason_ = "no model is loaded before a prediction needs one, and this one could not be";
  }

  /// Whether new work should be sent here: false already while accepted work is being answered.
  bool ready() const {
    const std::lock_guard lock(mutex_);
    return (classifier_ != nullptr || on_demand_) && !draining_;
  }

  /// False once only a new process helps.
  bool alive() const {
    const std::lock_guard lock(mutex_);
    return alive_;
  }

  /// Why the server is not ready.
  std::string reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }

  /// Milliseconds from the start of the program to publish().
  double ready_after_ms() const {
    const std::lock_guard lock(mutex_);
    return ready_after_ms_;
  }

  void publish(std::shared_ptr<Classifier> classifier, double ready_after_ms) {
    const std::lock_guard lock(mutex_);
    classifier_ = std::move(classifier);
    ready_after_ms_ = ready_after_ms;
    reason_.clear();
  }

  /// The server answers on, but says that it is not ready.
  void begin_drain(std::string reason) {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    reason_ = std::move(reason);
  }

  void fail(std::string reason) {
    const std::lock_guard lock(mutex_);
    classifier_.reset();
    alive_ = false;
    reason_ = std::move(reason);
  }

  void withdraw(std::string reason) {
    const std::lock_guard lock(mutex_);
    classifier_.reset();
    reason_ = std::move(reason);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<Classifier> classifier_;
  std::function<std::shared_ptr<Classifier>()> on_demand_;
  double ready_after_ms_ = 0;
  bool draining_ = false;
  bool alive_ = true;
  std::string reason_ = "the model is being loaded and checked";
};

}  // namespace beralih
