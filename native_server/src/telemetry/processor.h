// The processor that this program runs on.
#pragma once

#include <string>

namespace beralih {

/// Its name and those of its instruction sets that decide how a network's sums are rounded, e.g.
/// "Intel(R) Xeon(R) Platinum 8481C (fma avx2 avx512f avx512_bf16)". Read once.
const std::string& processor_description();

}  // namespace beralih
