#include "engine/device_engine.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <sstream>
#include <utility>

#include "beralih/preprocess.h"
#include "engine/device_fault.h"
#include "engine/torch_program.h"

namespace beralih {
namespace {

using Clock = std::chrono::steady_clock;

/// cuDNN measures its algorithms in the first run; what it chose is then recorded.
constexpr int kRunsBeforeRecording = 2;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::vector<int64_t> with_rows(std::vector<int64_t> shape, size_t rows) {
  shape.front() = static_cast<int64_t>(rows);
  return shape;
}

int64_t elements(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return count;
}

bool is_image(const std::vector<int64_t>& shape, const PreprocessSpec& spec) {
  return shape.size() == 4 && shape[spec.layout == Layout::kNchw ? 1 : 3] == 3;
}

}  // namespace

DeviceEngine::DeviceEngine(DeviceLane& lane, std::shared_ptr<const DeviceProgram> program,
                           const Contract& contract)
    : lane_(lane),
      program_(std::move(program)),
      spec_(contract.preprocessing),
      row_shape_(with_rows(contract.input.shape, 1)),
      value_type_(spec_.dtype == DataType::kFloat32 ? at::kFloat : at::kByte),
      classes_(contract.output.shape.back()) {
  if (value_type_ != at::kFloat || !is_image(row_shape_, spec_)) return;
  const bool nchw = spec_.layout == Layout::kNchw;
  pixel_shape_ = {1, row_shape_[nchw ? 2 : 1], row_shape_[nchw ? 3 : 2], 3};
  table_ = std::make_unique<PixelTable>(spec_, lane.device());
}

DeviceEngine::~DeviceEngine() {
  // Memory that the device still reads or writes must not go away under it.
  for (; !ring_.empty(); ring_.give_back()) {
    try {
      lane_.wait(ring_.oldest());
    } catch (const std::exception&) {
    }
  }
}

DeviceEngine::Bucket DeviceEngine::make_bucket(size_t rows) {
  Bucket made;
  lane_.run([&] {
    const auto on_device = at::TensorOptions().device(lane_.device());
    made.logits = at::zeros({static_cast<int64_t>(rows), classes_}, on_device.dtype(at::kFloat));
    if (pixel_shape_.empty()) {
      made.values = at::zeros(with_rows(row_shape_, rows), on_device.dtype(value_type_));
      return;
    }
    const auto shape = with_rows(pixel_shape_, rows);
    made.pixels = at::zeros(shape, on_device.dtype(at::kByte));
    made.values = at::zeros(shape, on_device.dtype(at::kFloat));
    // Rows of pixels are channels-last; nothing is moved for that.
    if (spec_.layout == Layout::kNchw) made.values = made.values.permute({0, 3, 1, 2});
  });
  if (takes_pixels()) {
    const auto look_up = [this, pixels = made.pixels, values = made.values] {
      const at::Tensor looked_up = table_->look_up(pixels);
      values.copy_(spec_.layout == Layout::kNchw ? looked_up.permute({0, 3, 1, 2}) : looked_up);
    };
    lane_.run(look_up);
    made.look_up = lane_.record(look_up);
  }
  const auto network = [program = program_, values = made.values, logits = made.logits] {
    const at::Tensor result = program->run(values);
    if (result.sizes() != logits.sizes()) {
      std::ostringstream shapes;
      shapes << "the network returns the shape " << result.sizes() << ", the contract says "
             << logits.sizes();
      TORCH_CHECK(false, shapes.str());
    }
    logits.copy_(result);
  };
  for (int run = 0; run < kRunsBeforeRecording; ++run) lane_.run(network);
  // The recording has memory of its own; what the runs before it held is in its way.
  lane_.release_memory();
  made.network = lane_.record(network);
  return made;
}

DeviceEngine::Bucket& DeviceEngine::bucket(size_t rows) {
  const auto found = buckets_.find(rows);
  if (found != buckets_.end()) return found->second;
  Bucket& made = buckets_.emplace(rows, make_bucket(rows)).first->second;
  record_memory();
  return made;
}

void DeviceEngine::record_memory() {
  if (metadata_.device_statistics == nullptr) return;
  const DeviceMemory memory = lane_.memory();
  metadata_.device_statistics->memory_used_bytes.store(memory.used_bytes);
  metadata_.device_statistics->memory_own_bytes.store(memory.own_bytes);
}

void DeviceEngine::set_metadata(EngineMetadata metadata) {
  metadata_ = std::move(metadata);
  record_memory();
}

void DeviceEngine::reserve(Slot& slot, size_t rows) {
  const int64_t element = value_type_ == at::kFloat ? sizeof(float) : 1;
  const int64_t bytes = elements(with_rows(row_shape_, rows)) * element;
  if (slot.host.defined() && slot.host.numel() >= bytes &&
      slot.host_logits.numel() >= static_cast<int64_t>(rows) * classes_)
    return;
  slot.host = lane_.host_memory(bytes);
  slot.device = at::empty({bytes}, at::TensorOptions().dtype(at::kByte).device(lane_.device()));
  slot.host_logits =
      lane_.host_memory(static_cast<int64_t>(rows) * classes_ * static_cast<int64_t>(sizeof(float)))
          .view(at::kFloat);
}

Result<DeviceEngine::Input> DeviceEngine::stage(Slot& slot, std::span<const Tensor> batch) {
  const auto is_pixels = [&](const Tensor& tensor) {
    return !pixel_shape_.empty() && tensor.dtype() == DataType::kUint8 &&
           tensor.shape == pixel_shape_;
  };
  const auto is_values = [&](const Tensor& tensor) {
    return tensor.shape == row_shape_ &&
           (tensor.dtype() == DataType::kFloat32) == (value_type_ == at::kFloat);
  };
  const auto begun = Clock::now();
  const bool pixels = std::all_of(batch.begin(), batch.end(), is_pixels);
  auto* to = slot.host.data_ptr<uint8_t>();
  size_t offset = 0;
  for (const Tensor& tensor : batch) {
    Tensor normalized;
    const Tensor* source = &tensor;
    if (!pixels && is_pixels(tensor)) {
      // Beside tensors in the same batch: normalised here, as the device would.
      PreprocessSpec spec = spec_;
      spec.channel_order = ChannelOrder::kRgb;  // the pixels already have the contract's order
      Image image{static_cast<int>(tensor.shape[2]), static_cast<int>(tensor.shape[1]),
                  std::get<std::vector<uint8_t>>(tensor.data)};
      normalized = normalize(image, spec);
      source = &normalized;
    } else if (!pixels && !is_values(tensor)) {
      return Error{ErrorCode::kInternal, "a tensor that is not the contract's reached the device"};
    }
    const auto bytes = source->bytes();
    std::memcpy(to + offset, bytes.data(), bytes.size());
    offset += bytes.size();
  }
  slot.bytes = offset;
  slot.given = batch.size();
  slot.staging_ms = milliseconds_since(begun);
  return pixels ? Input::kPixels : Input::kValues;
}

void DeviceEngine::start(size_t index, Bucket& bucket, Input input, size_t rows) {
  Slot& slot = slots_[index];
  const auto bytes = static_cast<int64_t>(slot.bytes);
  const auto given = static_cast<int64_t>(slot.given);
  lane_.upload(index, slot.device.narrow(0, 0, bytes), slot.host.narrow(0, 0, bytes));
  lane_.compute(index, [&] {
    const at::Tensor arrived = slot.device.narrow(0, 0, bytes);
    if (input == Input::kPixels) {
      bucket.pixels.narrow(0, 0, given).copy_(arrived.view(with_rows(pixel_shape_, slot.given)));
      bucket.look_up->replay();
    } else {
      bucket.values.narrow(0, 0, given)
          .copy_(arrived.view(value_type_).view(with_rows(row_shape_, slot.given)));
    }
    bucket.network->replay();
    slot.host_logits.narrow(0, 0, static_cast<int64_t>(rows) * classes_)
        .copy_(bucket.logits.flatten(), /*non_blocking=*/true);
  });
}

Status DeviceEngine::begin(std::span<const Tensor> batch, size_t rows) {
  if (batch.empty() || rows < batch.size() || ring_.full())
    return Error{ErrorCode::kInternal, "a batch that the device cannot begin"};
  const size_t index = ring_.take();
  try {
    const c10::InferenceMode inference_mode;
    Bucket& chosen = bucket(rows);
    reserve(slots_[index], rows);
    const auto input = stage(slots_[index], batch);
    if (!input) {
      ring_.undo_take();
      return input.error();
    }
    start(index, chosen, *input, rows);
    return Ok{};
  } catch (const std::exception& exception) {
    ring_.undo_take();
    return explain(exception, rows);
  }
}

Result<LogitRows> DeviceEngine::finish() {
  if (ring_.empty()) return Error{ErrorCode::kInternal, "no batch is under way"};
  const size_t index = ring_.oldest();
  const Slot& slot = slots_[index];
  try {
    last_times_ = lane_.wait(index);
    ring_.give_back();
  } catch (const std::exception& exception) {
    ring_.give_back();
    return explain(exception, slot.given);
  }
  if (metadata_.device_statistics != nullptr) {
    metadata_.device_statistics->record_batch(slot.bytes, slot.staging_ms, last_times_.copy_ms,
                                              last_times_.compute_ms);
  }
  LogitRows rows;
  rows.reserve(slot.given);
  const float* data = slot.host_logits.data_ptr<float>();
  for (size_t row = 0; row < slot.given; ++row, data += classes_)
    rows.emplace_back(data, data + classes_);
  return rows;
}

Result<LogitRows> DeviceEngine::infer(std::span<const Tensor> batch) {
  if (batch.empty()) return LogitRows{};
  if (auto begun = begin(batch, batch.size()); !begun) return begun.error();
  return finish();
}

Error DeviceEngine::explain(const std::exception& exception, size_t rows) {
  const std::string message = short_message(exception);
  DeviceFault fault = classify_device_fault(exception.what());
  if (dynamic_cast<const c10::OutOfMemoryError*>(&exception) != nullptr)
    fault = DeviceFault::kOutOfMemory;
  std::string now;
  if (fault != DeviceFault::kOutOfMemory) {
    // The message may name an earlier call, or nothing known: what counts is whether it answers.
    now = lane_.fault();
    if (!now.empty() && fault == DeviceFault::kNone) fault = DeviceFault::kSticky;
  }
  switch (fault) {
    case DeviceFault::kOutOfMemory: {
      std::string room;
      try {
        lane_.release_memory();
        const DeviceMemory memory = lane_.memory();
        room =
            "; " + std::to_string(memory.used_bytes / 1'000'000) + " MB of the device are in use";
      } catch (const std::exception&) {
      }
      return Error{ErrorCode::kOutOfMemory, "the device's memory does not suffice for " +
                                                std::to_string(rows) +
                                                (rows == 1 ? " image" : " images together") + room};
    }
    case DeviceFault::kLost:
      return Error{ErrorCode::kDeviceLost, "the device is gone: " + message +
                                               "; nvidia-smi and the kernel's log (dmesg, \"Xid\") "
                                               "say more"};
    case DeviceFault::kSticky:
      return Error{ErrorCode::kDeviceLost, "the device answers nothing any more in this process: " +
                                               (now.empty() ? message : now) +
                                               "; a new process may work"};
    case DeviceFault::kNone: break;
  }
  return Error{ErrorCode::kInternal, "inference failed: " + message};
}

}  // namespace beralih
