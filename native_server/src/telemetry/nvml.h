// What NVIDIA's driver tells about a card: its management library, opened while the program runs
// where it is there, and not missed where it is not.
#pragma once

#include <optional>
#include <string>

namespace beralih {

struct NvmlReading {
  std::string driver;  ///< the driver's version, "580.159.04"
  double sm_clock_mhz = 0;
  double memory_clock_mhz = 0;
  double temperature_c = 0;
  double power_w = 0;
};

/// Nothing where there is no library, no such card, or the driver does not answer; a value that it
/// alone does not tell is 0. Thread-safe.
std::optional<NvmlReading> read_nvml(const std::string& uuid);

}  // namespace beralih
