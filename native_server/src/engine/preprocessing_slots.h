// How many pictures are preprocessed at once, each in memory that the one before it left.
#pragma once

#include <cstddef>
#include <mutex>
#include <semaphore>
#include <utility>
#include <vector>

#include "beralih/preprocess.h"

namespace beralih {

class PreprocessingSlots {
 public:
  explicit PreprocessingSlots(size_t count)
      : free_(static_cast<std::ptrdiff_t>(count)), workspaces_(count) {}

  /// Holds one slot; the constructor waits for it.
  class Slot {
   public:
    explicit Slot(PreprocessingSlots& slots) : slots_(slots), workspace_(slots.take()) {}
    ~Slot() { slots_.give_back(std::move(workspace_)); }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

    Workspace& workspace() { return workspace_; }

   private:
    PreprocessingSlots& slots_;
    Workspace workspace_;
  };

 private:
  Workspace take() {
    free_.acquire();
    const std::lock_guard lock(mutex_);
    // The one used last: it is the likeliest to lie in a cache still.
    Workspace workspace = std::move(workspaces_.back());
    workspaces_.pop_back();
    return workspace;
  }
  void give_back(Workspace workspace) {
    {
      const std::lock_guard lock(mutex_);
      workspaces_.push_back(std::move(workspace));  // its place was reserved: nothing is allocated
    }
    free_.release();
  }

  std::counting_semaphore<> free_;
  std::mutex mutex_;
  std::vector<Workspace> workspaces_;
};

}  // namespace beralih
