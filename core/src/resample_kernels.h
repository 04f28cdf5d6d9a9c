// The inner loops of resampling, one table of functions an instruction set. Plain data and
// functions only: the implementations are compiled with different instruction sets and must not
// share inline functions, of which the linker would keep any one copy.
#pragma once

#include <cstdint>

namespace beralih {

/// Bits behind the point of a weight (Resample.c 97: PRECISION_BITS, 32 - 8 - 2: 8 bits of result,
/// 2 bits of overshoot).
inline constexpr int kWeightBits = 22;

/// Weights of the outputs that are wanted along one axis; points into a ResampleAxis.
struct AxisView {
  int outputs;
  int window_size;         ///< room per output in `weights`
  const int32_t* firsts;   ///< per output, its first input index
  const int32_t* counts;   ///< per output, its number of inputs
  const int32_t* weights;  ///< outputs x window_size
  int groups;              ///< per output in `pairs`: groups of four inputs
  /// outputs x groups x 4: for the inputs (0, 1) then (2, 3) of a group, the weights' high parts as
  /// two 16-bit halves of one number, then their low parts. nullptr where a high part needs more
  /// than 16 bits.
  const int32_t* pairs;
};

/// Rows that a kernel reads must be readable for 4 * `groups` pixels after every window's first and
/// for 16 bytes behind; rows that it writes, writable for 1 byte behind.
struct ResampleKernels {
  const char* name;
  bool reads_pairs;
  /// Resamples `count` rows of pixels of `pixel_bytes` (3 or 4, RGB first), whose first pixel is
  /// input index `origin`, into packed RGB.
  void (*horizontal)(const AxisView& axis, int pixel_bytes, int origin, const uint8_t* const* rows,
                     int count, uint8_t* const* out);
  /// One output: `bytes` columns of the rows of its window, one pointer a row.
  void (*vertical)(const AxisView& axis, int output, const uint8_t* const* rows, int bytes,
                   uint8_t* out);
};

extern const ResampleKernels kScalarKernels;

/// What this processor can run, best first, nullptr at the end.
const ResampleKernels* const* available_resample_kernels();

/// The kernels in use.
const ResampleKernels& resample_kernels();

}  // namespace beralih
