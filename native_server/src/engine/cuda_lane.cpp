// A card: streams, events, graphs. The only file that includes CUDA.
#include <ATen/Context.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "engine/device_lane.h"

namespace beralih {
namespace {

std::string version(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

/// As nvidia-smi and NVML print it.
std::string uuid_text(const cudaUUID_t& uuid) {
  std::string text = "GPU-";
  for (size_t i = 0; i < sizeof uuid.bytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(uuid.bytes[i]));
    text += digits;
  }
  return text;
}

class Graph final : public Recording {
 public:
  Graph(const std::function<void()>& work, at::cuda::MempoolId_t pool) {
    // Globally, calls of other threads would break the recording, or fail because of it: at a
    // reload one engine records while another answers.
    graph_.capture_begin(pool, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      // The stream must not stay in capture; what the capture holds so far is worth nothing.
      try {
        graph_.capture_end();
      } catch (const std::exception&) {
      }
      throw;
    }
    graph_.capture_end();
  }
  void replay() override { graph_.replay(); }

 private:
  at::cuda::CUDAGraph graph_;
};

struct Slot {
  at::cuda::CUDAEvent upload_begun{cudaEventDefault};
  at::cuda::CUDAEvent uploaded{cudaEventDefault};
  at::cuda::CUDAEvent compute_begun{cudaEventDefault};
  at::cuda::CUDAEvent done{cudaEventDefault};
};

class CudaLane final : public DeviceLane {
 public:
  explicit CudaLane(const LaneOptions& options)
      : index_(static_cast<c10::DeviceIndex>(options.index)),
        guard_(index_),
        copies_(at::cuda::getStreamFromPool(false, index_)),
        computing_(at::cuda::getStreamFromPool(true, index_)),
        pool_(at::cuda::graph_pool_handle()),
        slots_(options.slots) {}

  at::Device device() const override { return {at::kCUDA, index_}; }

  DeviceFacts facts() const override {
    const cudaDeviceProp& properties = *at::cuda::getDeviceProperties(index_);
    int driver = 0;
    C10_CUDA_CHECK(cudaDriverGetVersion(&driver));
    DeviceFacts facts;
    facts.name = properties.name;
    facts.uuid = uuid_text(properties.uuid);
    facts.compute = std::to_string(properties.major) + "." + std::to_string(properties.minor);
    facts.runtime = version(CUDART_VERSION);
    facts.driver = version(driver);
    facts.memory_bytes = static_cast<int64_t>(properties.totalGlobalMem);
    facts.multiprocessors = properties.multiProcessorCount;
    return facts;
  }

  DeviceMemory memory() const override {
    size_t free = 0;
    size_t total = 0;
    C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(index_);
    return {static_cast<int64_t>(total - free), stats.reserved_bytes.at(0).current};
  }

  at::Tensor host_memory(int64_t bytes) override {
    return at::empty({bytes}, at::TensorOptions().dtype(at::kByte).pinned_memory(true));
  }

  void run(const std::function<void()>& work) override {
    const at::cuda::CUDAStreamGuard on_stream(computing_);
    work();
    computing_.synchronize();
  }

  std::unique_ptr<Recording> record(const std::function<void()>& work) override {
    const at::cuda::CUDAStreamGuard on_stream(computing_);
    // One pool for all: they run one after the other, and nothing of one is needed by the next.
    return std::make_unique<Graph>(work, pool_);
  }

  void upload(size_t slot, const at::Tensor& to, const at::Tensor& from) override {
    const at::cuda::CUDAStreamGuard on_stream(copies_);
    slots_[slot].upload_begun.record(copies_);
    to.copy_(from, /*non_blocking=*/true);
    slots_[slot].uploaded.record(copies_);
  }

  void compute(size_t slot, const std::function<void()>& work) override {
    const at::cuda::CUDAStreamGuard on_stream(computing_);
    slots_[slot].uploaded.block(computing_);
    slots_[slot].compute_begun.record(computing_);
    work();
    slots_[slot].done.record(computing_);
  }

  BatchTimes wait(size_t slot) override {
    Slot& waited = slots_[slot];
    waited.done.synchronize();
    return {waited.upload_begun.elapsed_time(waited.uploaded),
            waited.compute_begun.elapsed_time(waited.done)};
  }

  void release_memory() override { c10::cuda::CUDACachingAllocator::emptyCache(); }

  std::string fault() override {
    // A sticky error comes back from every call; one that is not is taken away by the first look.
    cudaGetLastError();
    const cudaError_t error = cudaDeviceSynchronize();
    if (error == cudaSuccess) return {};
    return std::string(cudaGetErrorName(error)) + ": " + cudaGetErrorString(error);
  }

 private:
  c10::DeviceIndex index_;
  c10::cuda::CUDAGuard guard_;  ///< the inference thread works on this card alone
  at::cuda::CUDAStream copies_;
  at::cuda::CUDAStream computing_;
  at::cuda::MempoolId_t pool_;
  std::vector<Slot> slots_;
};

/// What libtorch may choose by its own measurements, and how exact float32 is.
void choose_algorithms(bool deterministic) {
  at::Context& context = at::globalContext();
  context.setBenchmarkCuDNN(!deterministic);
  context.setDeterministicCuDNN(deterministic);
  context.setDeterministicAlgorithms(deterministic, /*warn_only=*/false);
  // "fp32" means float32: with TF32 the golden cases would have bf16's digits.
  context.setAllowTF32CuBLAS(false);
  context.setAllowTF32CuDNN(false);
}

}  // namespace

int cuda_device_count() { return static_cast<int>(c10::cuda::device_count()); }

Result<std::unique_ptr<DeviceLane>> open_cuda_lane(const LaneOptions& options) {
  // cuBLAS reads it when its first handle is made; without it a stream's workspace may differ.
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) {
    cudaGetLastError();
    return Error{ErrorCode::kInvalidArgument,
                 std::string("--device cuda: no card can be used: ") +
                     (error != cudaSuccess ? cudaGetErrorString(error) : "there is none") +
                     "; nvidia-smi shows whether the driver sees one"};
  }
  if (options.index >= count) {
    return Error{ErrorCode::kInvalidArgument, "--device cuda:" + std::to_string(options.index) +
                                                  ": this machine has " + std::to_string(count) +
                                                  (count == 1 ? " card" : " cards") +
                                                  ", counted from 0"};
  }
  choose_algorithms(options.deterministic);
  return std::unique_ptr<DeviceLane>(std::make_unique<CudaLane>(options));
}

}  // namespace beralih
