// What a device is, and what it has done: written by the inference thread, read by anybody.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace beralih {

struct DeviceFacts {
  std::string name;          ///< "NVIDIA H100 80GB HBM3"
  std::string uuid;          ///< "GPU-…", as nvidia-smi prints it; empty for the stand-in
  std::string compute;       ///< compute capability, "9.0"; empty for the stand-in
  std::string runtime;       ///< CUDA's version that the engine was built with, "13.0"
  std::string driver;        ///< newest CUDA that the driver knows, "13.0"
  int64_t memory_bytes = 0;  ///< in all
  int multiprocessors = 0;
};

struct DeviceStatistics {
  std::atomic<uint64_t> batches{0};
  std::atomic<uint64_t> uploaded_bytes{0};
  std::atomic<uint64_t> copy_us{0};     ///< sum of the uploads' times on the device
  std::atomic<uint64_t> compute_us{0};  ///< sum of the batches' times on the device
  std::atomic<uint64_t> staging_us{0};  ///< sum of the times that filling the staging memory took
  std::atomic<int64_t> last_copy_us{0};
  std::atomic<int64_t> last_compute_us{0};
  std::atomic<int64_t> memory_used_bytes{0};  ///< of the whole card, by whomever
  std::atomic<int64_t> memory_own_bytes{0};   ///< by this process's libtorch

  void record_batch(uint64_t bytes, double staging_ms, double copy_ms, double compute_ms) {
    const auto us = [](double ms) { return static_cast<int64_t>(ms * 1000); };
    const auto add = [](std::atomic<uint64_t>& sum, int64_t value) {
      sum.fetch_add(static_cast<uint64_t>(value), std::memory_order_relaxed);
    };
    batches.fetch_add(1, std::memory_order_relaxed);
    uploaded_bytes.fetch_add(bytes, std::memory_order_relaxed);
    add(staging_us, us(staging_ms));
    add(copy_us, us(copy_ms));
    add(compute_us, us(compute_ms));
    last_copy_us.store(us(copy_ms), std::memory_order_relaxed);
    last_compute_us.store(us(compute_ms), std::memory_order_relaxed);
  }
};

}  // namespace beralih
