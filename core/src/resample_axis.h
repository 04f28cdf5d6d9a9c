// The weights of one axis, for the outputs that a crop keeps, in the kernels' form.
#pragma once

#include <memory>
#include <vector>

#include "beralih/resize.h"
#include "resample_kernels.h"

namespace beralih {

/// Outputs first..first + count - 1 of resampling in_size to out_size.
struct AxisRequest {
  int in_size = 0;
  int out_size = 0;
  int first = 0;
  int count = 0;
  ResizeFilter filter = ResizeFilter::kBilinear;
  /// The input lies mirrored in memory: its index i stands at in_size - 1 - i, so that the windows
  /// descend.
  bool mirrored = false;
  bool operator==(const AxisRequest&) const = default;
};

/// Immutable once made.
class ResampleAxis {
 public:
  explicit ResampleAxis(const AxisRequest& request);

  const AxisRequest& request() const { return request_; }
  AxisView view() const;
  /// The inputs that the outputs need: begin..end - 1, in memory order.
  int begin() const { return begin_; }
  int end() const { return end_; }
  int longest_window() const { return longest_window_; }
  size_t bytes() const;

 private:
  void split_weights();

  AxisRequest request_;
  int begin_ = 0;
  int end_ = 0;
  int longest_window_ = 0;
  int groups_ = 0;
  std::vector<int32_t> firsts_;
  std::vector<int32_t> counts_;
  std::vector<int32_t> weights_;
  std::vector<int32_t> pairs_;
};

/// From a cache of the last few axes that were asked for; thread-safe.
std::shared_ptr<const ResampleAxis> resample_axis(const AxisRequest& request);

}  // namespace beralih
