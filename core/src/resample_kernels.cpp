#include "resample_kernels.h"

#include <atomic>

#include "beralih/resize_kernels.h"

namespace beralih {

namespace {

std::atomic<const ResampleKernels*>& kernels_in_use() {
  static std::atomic<const ResampleKernels*> kernels{available_resample_kernels()[0]};
  return kernels;
}

}  // namespace

const ResampleKernels& resample_kernels() {
  return *kernels_in_use().load(std::memory_order_relaxed);
}

std::vector<std::string_view> resize_kernel_names() {
  std::vector<std::string_view> names;
  for (auto kernels = available_resample_kernels(); *kernels != nullptr; ++kernels) {
    names.emplace_back((*kernels)->name);
  }
  return names;
}

bool use_resize_kernels(std::string_view name) {
  for (auto kernels = available_resample_kernels(); *kernels != nullptr; ++kernels) {
    if (!name.empty() && name != (*kernels)->name) continue;
    kernels_in_use().store(*kernels, std::memory_order_relaxed);
    return true;
  }
  return false;
}

}  // namespace beralih
