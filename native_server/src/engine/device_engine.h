// The engine for a card: what a lane offers, made into batches. Includes torch.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "beralih/contract.h"
#include "engine/device_lane.h"
#include "engine/device_program.h"
#include "engine/inference_engine.h"
#include "engine/staging_ring.h"

namespace beralih {

class DeviceEngine final : public InferenceEngine {
 public:
  /// Batches that may be under way: one computes while the next is staged and uploaded.
  static constexpr size_t kSlots = 2;

  /// The lane has kSlots slots and outlives the engine; one engine at a time uses it.
  DeviceEngine(DeviceLane& lane, std::shared_ptr<const DeviceProgram> program,
               const Contract& contract);
  ~DeviceEngine() override;

  const EngineMetadata& metadata() const override { return metadata_; }
  void set_metadata(EngineMetadata metadata);
  /// Keeps the lane for as long as the engine lives.
  void own_lane(std::unique_ptr<DeviceLane> lane) { owned_lane_ = std::move(lane); }

  Result<LogitRows> infer(std::span<const Tensor> batch) override;
  size_t depth() const override { return kSlots; }
  Status begin(std::span<const Tensor> batch, size_t rows) override;
  Result<LogitRows> finish() override;

  /// Whether the network's input is an image of the contract's values, so that bytes suffice.
  bool takes_pixels() const { return !pixel_shape_.empty(); }
  /// Of the batch that was finished last.
  const BatchTimes& last_times() const { return last_times_; }

 private:
  /// Everything that exists once for each number of rows.
  struct Bucket {
    at::Tensor pixels;                   ///< uint8 on the device; undefined where none are taken
    at::Tensor values;                   ///< the contract's tensor on the device
    at::Tensor logits;                   ///< float32, [rows, classes]
    std::unique_ptr<Recording> look_up;  ///< pixels to values
    std::unique_ptr<Recording> network;  ///< values to logits
  };
  struct Slot {
    at::Tensor host;         ///< what is uploaded
    at::Tensor device;       ///< where it goes
    at::Tensor host_logits;  ///< what comes back
    size_t given = 0;        ///< rows that somebody waits for
    uint64_t bytes = 0;
    double staging_ms = 0;
  };

  enum class Input { kValues, kPixels };

  Bucket& bucket(size_t rows);
  Bucket make_bucket(size_t rows);
  void reserve(Slot& slot, size_t rows);
  Result<Input> stage(Slot& slot, std::span<const Tensor> batch);
  void start(size_t index, Bucket& bucket, Input input, size_t rows);
  void record_memory();
  Error explain(const std::exception& exception, size_t rows);

  std::unique_ptr<DeviceLane> owned_lane_;
  DeviceLane& lane_;
  std::shared_ptr<const DeviceProgram> program_;
  PreprocessSpec spec_;
  std::vector<int64_t> row_shape_;    ///< of the contract's tensor, batch of 1
  std::vector<int64_t> pixel_shape_;  ///< [1, H, W, 3]; empty: pixels are not taken
  at::ScalarType value_type_;
  int64_t classes_;
  std::unique_ptr<PixelTable> table_;
  std::map<size_t, Bucket> buckets_;
  std::vector<Slot> slots_{kSlots};
  StagingRing ring_{kSlots};
  EngineMetadata metadata_;
  BatchTimes last_times_;
};

}  // namespace beralih
