#include "resample_kernels.h"

namespace beralih {

extern const ResampleKernels kAvx2Kernels;

const ResampleKernels* const* available_resample_kernels() {
  static const ResampleKernels* const with_avx2[] = {&kAvx2Kernels, &kScalarKernels, nullptr};
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  return has_avx2 ? with_avx2 : with_avx2 + 1;
}

}  // namespace beralih
