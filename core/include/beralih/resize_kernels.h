// Which instruction set resizes; for tests and benchmarks. Every choice computes the same bytes.
#pragma once

#include <string_view>
#include <vector>

namespace beralih {

/// What this processor can run, fastest (the default) first, e.g. "avx2", "scalar".
std::vector<std::string_view> resize_kernel_names();

/// For the whole process, from the next resize on; an empty name restores the default. False where
/// the processor has no such kernels.
bool use_resize_kernels(std::string_view name);

}  // namespace beralih
