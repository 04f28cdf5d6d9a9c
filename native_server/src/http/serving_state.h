// What the HTTP threads may serve right now. Loading and shutting down change it, requests read it.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "engine/classifier.h"

namespace beralih {

class ServingState {
 public:
  /// The classifier while the server is ready, nullptr otherwise. Keep the pointer for one request.
  std::shared_ptr<Classifier> classifier() const {
    const std::lock_guard lock(mutex_);
    return classifier_;
  }

  /// Why the server is not ready.
  std::string reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }

  void publish(std::shared_ptr<Classifier> classifier) {
    const std::lock_guard lock(mutex_);
    classifier_ = std::move(classifier);
    reason_.clear();
  }

  void withdraw(std::string reason) {
    const std::lock_guard lock(mutex_);
    classifier_.reset();
    reason_ = std::move(reason);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<Classifier> classifier_;
  std::string reason_ = "the model is being loaded and checked";
};

}  // namespace beralih
