// The weights of Pillow's libImaging/Resample.c in C++; line comments name Pillow's lines.
#include "resample_axis.h"

#include <algorithm>
#include <cmath>
#include <list>
#include <mutex>

namespace beralih {

namespace {

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x = x * M_PI;
  return std::sin(x) / x;
}

// Resample.c 9-81: the kernels, over their own supports.
double kernel(ResizeFilter filter, double x) {
  switch (filter) {
    case ResizeFilter::kNearest: break;
    case ResizeFilter::kBox: return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    case ResizeFilter::kBilinear: x = std::fabs(x); return x < 1.0 ? 1.0 - x : 0.0;
    case ResizeFilter::kHamming:
      x = std::fabs(x);
      if (x == 0.0) return 1.0;
      if (x >= 1.0) return 0.0;
      x = x * M_PI;
      return std::sin(x) / x * (0.54f + 0.46f * std::cos(x));  // floats, as there
    case ResizeFilter::kBicubic: {
      constexpr double a = -0.5;
      x = std::fabs(x);
      if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
      if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
      return 0.0;
    }
    case ResizeFilter::kLanczos: return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
  }
  return 0.0;
}

double kernel_support(ResizeFilter filter) {
  switch (filter) {
    case ResizeFilter::kBox: return 0.5;
    case ResizeFilter::kBilinear:
    case ResizeFilter::kHamming: return 1.0;
    case ResizeFilter::kBicubic: return 2.0;
    case ResizeFilter::kLanczos: return 3.0;
    case ResizeFilter::kNearest: break;
  }
  return 0.0;
}

// Resample.c 307-320: to fixed point, rounded half away from zero.
int32_t fixed_point(double weight) {
  const double scaled = weight * (1 << kWeightBits);
  return static_cast<int32_t>(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

// Resample.c 183-283 (precompute_coeffs).
ResampleWeights weights_of(const AxisRequest& request) {
  const auto [in_size, out_size, first_output, outputs, filter, mirrored] = request;
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = kernel_support(filter) * filter_scale;
  ResampleWeights result;
  result.window_size = static_cast<int>(std::ceil(support)) * 2 + 1;
  result.windows.resize(static_cast<size_t>(outputs));
  result.weights.assign(static_cast<size_t>(outputs) * static_cast<size_t>(result.window_size), 0);
  std::vector<double> window(static_cast<size_t>(result.window_size));
  const double inverse_scale = 1.0 / filter_scale;
  for (int out = 0; out < outputs; ++out) {
    const double center = (out + first_output + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int last = std::min(static_cast<int>(center + support + 0.5), in_size);
    const int count = last - first;
    double sum = 0.0;
    for (int i = 0; i < count; ++i) {
      const double w = kernel(filter, (i + first - center + 0.5) * inverse_scale);
      window[static_cast<size_t>(i)] = w;
      sum += w;
    }
    int32_t* fixed =
        result.weights.data() + static_cast<size_t>(out) * static_cast<size_t>(result.window_size);
    for (int i = 0; i < count; ++i) {
      double& w = window[static_cast<size_t>(i)];
      if (sum != 0.0) w /= sum;
      fixed[i] = fixed_point(w);
    }
    result.windows[static_cast<size_t>(out)] = {first, count};
  }
  return result;
}

}  // namespace

ResampleWeights resample_weights(int in_size, int out_size, ResizeFilter filter) {
  return weights_of({in_size, out_size, 0, out_size, filter, false});
}

ResampleAxis::ResampleAxis(const AxisRequest& request) : request_(request) {
  ResampleWeights made = weights_of(request);
  const size_t outputs = made.windows.size();
  const auto room = static_cast<size_t>(made.window_size);
  firsts_.resize(outputs);
  counts_.resize(outputs);
  for (size_t i = 0; i < outputs; ++i) {
    firsts_[i] = made.windows[i].first;
    counts_[i] = made.windows[i].count;
    longest_window_ = std::max(longest_window_, counts_[i]);
  }
  weights_ = std::move(made.weights);
  if (request.mirrored) {
    for (size_t i = 0; i < outputs; ++i) {
      firsts_[i] = request.in_size - firsts_[i] - counts_[i];
      const auto w = weights_.begin() + static_cast<std::ptrdiff_t>(i * room);
      std::reverse(w, w + counts_[i]);
    }
  }
  begin_ = std::min(firsts_.front(), firsts_.back());
  end_ = std::max(firsts_.front() + counts_.front(), firsts_.back() + counts_.back());
  split_weights();
}

// The form that resample_avx2.cpp explains.
void ResampleAxis::split_weights() {
  constexpr int32_t limit = 1 << 26;
  groups_ = (longest_window_ + 3) / 4;
  for (const int32_t weight : weights_) {
    if (weight < -limit || weight >= limit) return;
  }
  const size_t outputs = firsts_.size();
  const auto room = static_cast<size_t>(view().window_size);
  pairs_.assign(outputs * static_cast<size_t>(groups_) * 4, 0);
  for (size_t i = 0; i < outputs; ++i) {
    int32_t* to = pairs_.data() + i * static_cast<size_t>(groups_) * 4;
    const int32_t* w = weights_.data() + i * room;
    for (int k = 0; k < counts_[i]; k += 2, to += 2) {
      const int32_t second = k + 1 < counts_[i] ? w[k + 1] : 0;
      const auto halves = [](int32_t low, int32_t high) {
        return static_cast<int32_t>((static_cast<uint32_t>(low) & 0xFFFF) |
                                    (static_cast<uint32_t>(high) << 16));
      };
      to[0] = halves(w[k] >> 11, second >> 11);
      to[1] = halves(w[k] & 0x7FF, second & 0x7FF);
    }
  }
}

AxisView ResampleAxis::view() const {
  const int outputs = static_cast<int>(firsts_.size());
  return {outputs,
          static_cast<int>(weights_.size()) / outputs,
          firsts_.data(),
          counts_.data(),
          weights_.data(),
          groups_,
          pairs_.empty() ? nullptr : pairs_.data()};
}

size_t ResampleAxis::bytes() const {
  return (firsts_.size() + counts_.size() + weights_.size() + pairs_.size()) * sizeof(int32_t);
}

std::shared_ptr<const ResampleAxis> resample_axis(const AxisRequest& request) {
  // A service sees few specs but many image sizes: the least recently used axis goes first.
  constexpr size_t kEntries = 64;
  constexpr size_t kLargestEntry = size_t{1} << 18;
  static std::mutex mutex;
  static std::list<std::shared_ptr<const ResampleAxis>> recent;
  {
    const std::lock_guard lock(mutex);
    for (auto it = recent.begin(); it != recent.end(); ++it) {
      if (!((*it)->request() == request)) continue;
      recent.splice(recent.begin(), recent, it);
      return recent.front();
    }
  }
  auto axis = std::make_shared<const ResampleAxis>(request);
  if (axis->bytes() <= kLargestEntry) {
    const std::lock_guard lock(mutex);
    recent.push_front(axis);
    if (recent.size() > kEntries) recent.pop_back();
  }
  return axis;
}

}  // namespace beralih
