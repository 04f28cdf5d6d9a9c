#include "telemetry/processor.h"

#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

namespace beralih {
namespace {

/// What libtorch and oneDNN choose their kernels by; x86 and then ARM.
constexpr std::string_view kInstructionSets[] = {
    "fma",         "avx2",     "avx512f", "avx512bw", "avx512_vnni", "avx_vnni", "avx512_bf16",
    "avx512_fp16", "amx_bf16", "asimd",   "bf16",     "sve",         "sve2"};

std::string value_of(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return {};
  const size_t begin = line.find_first_not_of(" \t", colon + 1);
  return begin == std::string_view::npos ? std::string() : std::string(line.substr(begin));
}

std::string known_sets(const std::string& flags) {
  std::istringstream words(flags);
  std::string known;
  for (std::string word; words >> word;) {
    const auto* found =
        std::find(std::begin(kInstructionSets), std::end(kInstructionSets), std::string_view(word));
    if (found != std::end(kInstructionSets)) known += (known.empty() ? "" : " ") + word;
  }
  return known;
}

std::string describe() {
  std::string name;
  std::string sets;
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line) && !line.empty();) {  // the first core's lines
    if (line.starts_with("model name")) name = value_of(line);
    if (line.starts_with("flags") || line.starts_with("Features"))
      sets = known_sets(value_of(line));
  }
  if (name.empty()) {
    utsname system{};
    ::uname(&system);
    name = system.machine;
  }
  return sets.empty() ? name : name + " (" + sets + ")";
}

}  // namespace

const std::string& processor_description() {
  static const std::string description = describe();
  return description;
}

}  // namespace beralih
