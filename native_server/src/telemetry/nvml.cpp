#include "telemetry/nvml.h"

#include <dlfcn.h>

#include <array>

namespace beralih {
namespace {

// nvml.h, version 12: its binary interface is promised to stay. 0 is success everywhere.
using Device = struct nvmlDevice_st*;
constexpr int kClockSm = 1;
constexpr int kClockMemory = 2;
constexpr int kTemperatureGpu = 0;

template <typename F>
F* symbol(void* library, const char* name) {
  return reinterpret_cast<F*>(::dlsym(library, name));
}

struct Library {
  int (*init)() = nullptr;
  int (*driver_version)(char*, unsigned) = nullptr;
  int (*by_uuid)(const char*, Device*) = nullptr;
  int (*clock)(Device, int, unsigned*) = nullptr;
  int (*temperature)(Device, int, unsigned*) = nullptr;
  int (*power)(Device, unsigned*) = nullptr;
  bool usable = false;

  Library() {
    void* handle = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return;
    init = symbol<int()>(handle, "nvmlInit_v2");
    driver_version = symbol<int(char*, unsigned)>(handle, "nvmlSystemGetDriverVersion");
    by_uuid = symbol<int(const char*, Device*)>(handle, "nvmlDeviceGetHandleByUUID");
    clock = symbol<int(Device, int, unsigned*)>(handle, "nvmlDeviceGetClockInfo");
    temperature = symbol<int(Device, int, unsigned*)>(handle, "nvmlDeviceGetTemperature");
    power = symbol<int(Device, unsigned*)>(handle, "nvmlDeviceGetPowerUsage");
    usable = init != nullptr && driver_version != nullptr && by_uuid != nullptr &&
             clock != nullptr && temperature != nullptr && power != nullptr && init() == 0;
  }
};

}  // namespace

std::optional<NvmlReading> read_nvml(const std::string& uuid) {
  static const Library library;
  Device device = nullptr;
  if (uuid.empty() || !library.usable || library.by_uuid(uuid.c_str(), &device) != 0)
    return std::nullopt;
  NvmlReading reading;
  std::array<char, 96> version{};
  if (library.driver_version(version.data(), version.size()) == 0) reading.driver = version.data();
  unsigned value = 0;
  if (library.clock(device, kClockSm, &value) == 0) reading.sm_clock_mhz = value;
  if (library.clock(device, kClockMemory, &value) == 0) reading.memory_clock_mhz = value;
  if (library.temperature(device, kTemperatureGpu, &value) == 0) reading.temperature_c = value;
  if (library.power(device, &value) == 0) reading.power_w = value / 1000.0;
  return reading;
}

}  // namespace beralih
