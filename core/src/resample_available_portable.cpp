#include "resample_kernels.h"

namespace beralih {

const ResampleKernels* const* available_resample_kernels() {
  static const ResampleKernels* const scalar[] = {&kScalarKernels, nullptr};
  return scalar;
}

}  // namespace beralih
