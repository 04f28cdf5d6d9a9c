// From logits to an answer. Thread-safe; results are the caller's.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace beralih {

struct Prediction {
  int index = 0;           ///< class, 0-based
  double probability = 0;  ///< softmax over all classes
};

/// exp() computed by the same IEEE-754 operations on every target: libm's differ between glibc and
/// WASM's musl. Within 1 ulp of the true value for the arguments softmax gives it (x <= 0).
double portable_exp(double x);

/// Softmax in double with portable_exp, summed in index order. Empty in, empty out; a NaN logit
/// makes every probability NaN.
std::vector<double> softmax(std::span<const float> logits);

/// The k most probable classes, most probable first, ties by lower index; fewer if there are fewer.
std::vector<Prediction> top_k(std::span<const double> probabilities, size_t k);

}  // namespace beralih
