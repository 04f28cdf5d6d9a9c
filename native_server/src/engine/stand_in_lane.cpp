// The device's place taken by the CPU: every step at once, in order.
#include <chrono>
#include <vector>

#include "engine/device_lane.h"

namespace beralih {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class Repetition final : public Recording {
 public:
  explicit Repetition(std::function<void()> work) : work_(std::move(work)) {}
  void replay() override { work_(); }

 private:
  std::function<void()> work_;
};

class StandInLane final : public DeviceLane {
 public:
  explicit StandInLane(const LaneOptions& options) : times_(options.slots) {}

  at::Device device() const override { return at::kCPU; }
  DeviceFacts facts() const override {
    DeviceFacts facts;
    facts.name = "the CPU in place of a card";
    return facts;
  }
  DeviceMemory memory() const override { return {}; }
  at::Tensor host_memory(int64_t bytes) override { return at::empty({bytes}, at::kByte); }
  void run(const std::function<void()>& work) override { work(); }
  std::unique_ptr<Recording> record(const std::function<void()>& work) override {
    return std::make_unique<Repetition>(work);
  }
  void upload(size_t slot, const at::Tensor& to, const at::Tensor& from) override {
    const auto start = Clock::now();
    to.copy_(from);
    times_[slot].copy_ms = milliseconds_since(start);
  }
  void compute(size_t slot, const std::function<void()>& work) override {
    const auto start = Clock::now();
    work();
    times_[slot].compute_ms = milliseconds_since(start);
  }
  BatchTimes wait(size_t slot) override { return times_[slot]; }
  void release_memory() override {}
  std::string fault() override { return {}; }

 private:
  std::vector<BatchTimes> times_;
};

}  // namespace

std::unique_ptr<DeviceLane> make_stand_in_lane(const LaneOptions& options) {
  return std::make_unique<StandInLane>(options);
}

}  // namespace beralih
