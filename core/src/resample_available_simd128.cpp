#include "resample_kernels.h"

namespace beralih {

extern const ResampleKernels kSimd128Kernels;

// A module with these instructions is not loaded where they are missing.
const ResampleKernels* const* available_resample_kernels() {
  static const ResampleKernels* const with_simd128[] = {&kSimd128Kernels, &kScalarKernels, nullptr};
  return with_simd128;
}

}  // namespace beralih
