// 3x3 convolutions by Winograd's minimal filtering (Lavin and Gray 2015, arXiv:1509.09308), which
// oneDNN has for processors with AVX-512: 2.25 or 4 times fewer multiplications, computed in
// float32 and rounded in another order. libtorch asks oneDNN for direct convolutions alone.
#pragma once

#include <torch/script.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace beralih {

/// Channels that lie together in a "blocked" tensor: [N, C, H, W] as [N, C / 16, H, W, 16], dense.
inline constexpr int64_t kChannelBlock = 16;

/// Takes and returns blocked tensors: "beralih::winograd_convolution(Tensor blocked, ...) ->
/// Tensor".
inline constexpr const char* kWinogradConvolution = "beralih::winograd_convolution";
/// Of a dense tensor [N, C, H, W], C a multiple of kChannelBlock: "beralih::to_blocked(Tensor) ->
/// Tensor".
inline constexpr const char* kToBlocked = "beralih::to_blocked";
/// Back, in channels-last order: "beralih::from_blocked(Tensor blocked) -> Tensor".
inline constexpr const char* kFromBlocked = "beralih::from_blocked";

/// A convolution of stride 1 without dilation or groups, float32.
struct ConvolutionShape {
  std::vector<int64_t> input_size;  ///< [N, C, H, W]; N is not looked at
  std::vector<int64_t> padding;     ///< rows, columns
};

/// Whether there are any: not where the processor lacks AVX-512, nor with another oneDNN than
/// version 2.
bool has_winograd();

/// The context for kWinogradConvolution, with the transformed `weight` [out, in, 3, 3] and a copy
/// of `bias` (undefined: none); a ReLU follows where `relu`. Inputs of that size alone may be given
/// to it. Nothing where this oneDNN, processor or shape has no such form.
std::optional<c10::IValue> make_winograd(const at::Tensor& weight, const at::Tensor& bias,
                                         const ConvolutionShape& shape, bool relu);

}  // namespace beralih
