// The only file that includes oneDNN. It is the library that libtorch itself computes with, so both
// share its threads and its kernels.
#include "engine/winograd.h"

#include <torch/custom_class.h>
#include <torch/library.h>

#include <dnnl.hpp>

#include <utility>

namespace beralih {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

const dnnl::engine& processor() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

memory::desc describe(const memory::dims& dims, Tag order) {
  return memory::desc(dims, memory::data_type::f32, order);
}

/// The tensor's memory, which oneDNN does not write to where it is a source.
memory at_pointer(const memory::desc& description, const float* data) {
  return memory(description, processor(), const_cast<float*>(data));
}

void reorder(const memory& from, memory to) {
  dnnl::stream stream(processor());
  dnnl::reorder(from, to).execute(stream, const_cast<memory&>(from), to);
  stream.wait();
}

/// One image's convolution: each row of a batch is computed alone, so its bits do not depend on the
/// others.
class WinogradConvolution : public torch::CustomClassHolder {
 public:
  /// Throws dnnl::error where there is no such form.
  WinogradConvolution(const at::Tensor& weight, const at::Tensor& bias,
                      const ConvolutionShape& shape, bool relu)
      : stream_(processor()),
        channels_in_(weight.size(1)),
        rows_in_(shape.input_size.at(2)),
        columns_in_(shape.input_size.at(3)),
        channels_out_(weight.size(0)),
        rows_out_(rows_in_ + 2 * shape.padding.at(0) - weight.size(2) + 1),
        columns_out_(columns_in_ + 2 * shape.padding.at(1) - weight.size(3) + 1) {
    const memory::dims weight_dims = weight.sizes().vec();
    const auto any_weights = describe(weight_dims, Tag::any);
    const auto source = describe({1, channels_in_, rows_in_, columns_in_}, Tag::nChw16c);
    const auto destination = describe({1, channels_out_, rows_out_, columns_out_}, Tag::nChw16c);
    const auto biases = describe({channels_out_}, Tag::a);
    const dnnl::convolution_forward::desc wanted(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_winograd, source,
        any_weights, biases, destination, {1, 1}, shape.padding, shape.padding);
    dnnl::primitive_attr attributes;
    if (relu) {
      dnnl::post_ops after;
      after.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
      attributes.set_post_ops(after);
    }
    const dnnl::convolution_forward::primitive_desc chosen(wanted, attributes, processor());
    convolution_ = dnnl::convolution_forward(chosen);
    source_ = chosen.src_desc();
    destination_ = chosen.dst_desc();
    weights_ = memory(chosen.weights_desc(), processor());
    const at::Tensor dense = weight.contiguous();
    reorder(at_pointer(describe(weight_dims, Tag::oihw), dense.data_ptr<float>()), weights_);
    bias_ = bias.defined() ? bias.contiguous().clone() : at::zeros({channels_out_});
  }

  at::Tensor run(const at::Tensor& blocked) {
    const at::Tensor input = blocked.contiguous();
    const int64_t batch = input.size(0);
    TORCH_CHECK(input.sizes() == at::IntArrayRef({batch, channels_in_ / kChannelBlock, rows_in_,
                                                  columns_in_, kChannelBlock}),
                "a convolution that was packed for another size");
    at::Tensor output =
        at::empty({batch, channels_out_ / kChannelBlock, rows_out_, columns_out_, kChannelBlock});
    const memory bias = at_pointer(describe({channels_out_}, Tag::a), bias_.data_ptr<float>());
    for (int64_t row = 0; row < batch; ++row) {
      convolution_.execute(
          stream_,
          {
              {DNNL_ARG_SRC,                                        at_pointer(source_, input.data_ptr<float>() + row * input.stride(0))},
              {DNNL_ARG_WEIGHTS,                                    weights_          },
              {DNNL_ARG_BIAS,                                               bias                  },
              {DNNL_ARG_DST,
               at_pointer(destination_,                   output.data_ptr<float>() + row * output.stride(0))                                                }
      });
    }
    stream_.wait();
    return output;
  }

 private:
  dnnl::stream stream_;
  const int64_t channels_in_, rows_in_, columns_in_, channels_out_, rows_out_, columns_out_;
  dnnl::convolution_forward convolution_;
  memory::desc source_, destination_;
  memory weights_;
  at::Tensor bias_;
};

at::Tensor winograd_convolution(const at::Tensor& blocked,
                                const c10::intrusive_ptr<WinogradConvolution>& convolution) {
  return convolution->run(blocked);
}

at::Tensor to_blocked(const at::Tensor& plain) {
  const at::Tensor input = plain.contiguous(at::MemoryFormat::ChannelsLast);
  const memory::dims dims = input.sizes().vec();
  at::Tensor blocked =
      at::empty({dims[0], dims[1] / kChannelBlock, dims[2], dims[3], kChannelBlock});
  reorder(at_pointer(describe(dims, Tag::nhwc), input.data_ptr<float>()),
          at_pointer(describe(dims, Tag::nChw16c), blocked.data_ptr<float>()));
  return blocked;
}

at::Tensor from_blocked(const at::Tensor& blocked) {
  const at::Tensor input = blocked.contiguous();
  const memory::dims dims{input.size(0), input.size(1) * kChannelBlock, input.size(2),
                          input.size(3)};
  at::Tensor plain =
      at::empty(dims, at::TensorOptions().memory_format(at::MemoryFormat::ChannelsLast));
  reorder(at_pointer(describe(dims, Tag::nChw16c), input.data_ptr<float>()),
          at_pointer(describe(dims, Tag::nhwc), plain.data_ptr<float>()));
  return plain;
}

}  // namespace

bool has_winograd() {
  const at::Tensor weight = at::zeros({kChannelBlock, kChannelBlock, 3, 3});
  return make_winograd(weight,
                       {
  },
                       {{1, kChannelBlock, 14, 14}, {1, 1}}, false)
      .has_value();
}

std::optional<c10::IValue> make_winograd(const at::Tensor& weight, const at::Tensor& bias,
                                         const ConvolutionShape& shape, bool relu) {
  // oneDNN pads other numbers of channels; blocked tensors here hold whole blocks alone.
  if (weight.sizes().slice(2) != at::IntArrayRef({3, 3}) || weight.size(0) % kChannelBlock != 0 ||
      weight.size(1) % kChannelBlock != 0) {
    return std::nullopt;
  }
  try {
    return c10::IValue(c10::make_intrusive<WinogradConvolution>(weight, bias, shape, relu));
  } catch (const dnnl::error&) {
    return std::nullopt;
  }
}

}  // namespace beralih

TORCH_LIBRARY(beralih, library) {
  library.class_<beralih::WinogradConvolution>("WinogradConvolution");
  library.def(
      "winograd_convolution(Tensor blocked, __torch__.torch.classes.beralih.WinogradConvolution "
      "convolution) -> Tensor",
      &beralih::winograd_convolution);
  library.def("to_blocked(Tensor plain) -> Tensor", &beralih::to_blocked);
  library.def("from_blocked(Tensor blocked) -> Tensor", &beralih::from_blocked);
}
