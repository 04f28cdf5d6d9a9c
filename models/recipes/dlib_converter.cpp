// Reads dlib's pretrained ResNet-34 (resnet34_1000_imagenet_classifier.dnn, float32).
//
//   dlib_converter convert MODEL.dnn WEIGHTS.safetensors LABELS.txt
//       Every learned parameter under the names of resnet34.py. Each affine layer (a frozen batch
//       norm, y = gamma*x + beta) is folded, in double precision, into the convolution below it.
//   dlib_converter logits MODEL.dnn INPUT.npy LOGITS.npy
//       Runs dlib's own network on INPUT [n,3,227,227] (float32, C order, already normalised) and
//       writes LOGITS [n,1000]: the reference that every other implementation of the network is
//       checked against.
//
// build_converter.sh compiles it.
//
// A dlib network is one nested type, output first. dlib::visit_layers_backwards calls the visitor
// for every layer from the input to the loss, and overload resolution picks the layers that hold
// parameters: no layer number stands below.
#include <dlib/dnn.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace resnet34 {
// dlib checks names and strides while it deserializes, so this must be the type that the file was
// saved from.
using namespace dlib;
template <template <int, template <typename> class, int, typename> class block, int N,
          template <typename> class BN, typename SUBNET>
using residual = add_prev1<block<N, BN, 1, tag1<SUBNET>>>;
template <template <int, template <typename> class, int, typename> class block, int N,
          template <typename> class BN, typename SUBNET>
using residual_down = add_prev2<avg_pool<2, 2, 2, 2, skip1<tag2<block<N, BN, 2, tag1<SUBNET>>>>>>;
template <int N, template <typename> class BN, int stride, typename SUBNET>
using basic_block = BN<con<N, 3, 3, 1, 1, relu<BN<con<N, 3, 3, stride, stride, SUBNET>>>>>;
template <int N, typename SUBNET>
using res = relu<residual<basic_block, N, affine, SUBNET>>;
template <int N, typename SUBNET>
using res_down = relu<residual_down<basic_block, N, affine, SUBNET>>;
template <typename S>
using stage4 = res<512, res<512, res_down<512, S>>>;
template <typename S>
using stage3 = res<256, res<256, res<256, res<256, res<256, res_down<256, S>>>>>>;
template <typename S>
using stage2 = res<128, res<128, res<128, res_down<128, S>>>>;
template <typename S>
using stage1 = res<64, res<64, res<64, S>>>;
using Network = loss_multiclass_log<
    fc<1000, avg_pool_everything<stage4<stage3<stage2<stage1<max_pool<
                 3, 3, 2, 2, relu<affine<con<64, 7, 7, 2, 2, input_rgb_image_sized<227>>>>>>>>>>>>;
}  // namespace resnet34

namespace {

constexpr long input_size = 227;
constexpr std::array<unsigned char, 8> npy_magic{0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};

struct NamedTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

class OutputFile {
 public:
  explicit OutputFile(const std::string& path) : path_(path), stream_(path, std::ios::binary) {}
  void write(const void* bytes, std::size_t count) {
    stream_.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(count));
  }
  void close() {
    stream_.close();
    if (!stream_) throw std::runtime_error("cannot write " + path_);
  }

 private:
  std::string path_;
  std::ofstream stream_;
};

// safetensors: u64 little-endian header length, JSON header, tensors back to back. Spaces pad the
// header so that the data starts at a multiple of 64 bytes and a memory map can be used in place.
void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors) {
  std::ostringstream json;
  json << R"({"__metadata__":{"format":"pt"})";
  std::uint64_t offset = 0;
  for (const NamedTensor& t : tensors) {
    json << ",\"" << t.name << R"(":{"dtype":"F32","shape":[)";
    for (std::size_t i = 0; i < t.shape.size(); ++i) json << (i ? "," : "") << t.shape[i];
    const std::uint64_t end = offset + t.values.size() * sizeof(float);
    json << "],\"data_offsets\":[" << offset << ',' << end << "]}";
    offset = end;
  }
  json << '}';
  std::string header = json.str();
  header.append((64 - (8 + header.size()) % 64) % 64, ' ');
  const std::uint64_t length = header.size();
  OutputFile out(path);
  out.write(&length, sizeof length);
  out.write(header.data(), header.size());
  for (const NamedTensor& t : tensors) out.write(t.values.data(), t.values.size() * sizeof(float));
  out.close();
}

void write_npy(const std::string& path, long rows, long columns, const std::vector<float>& values) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                       std::to_string(rows) + ", " + std::to_string(columns) + "), }";
  header.append(63 - (npy_magic.size() + 2 + header.size()) % 64, ' ');
  header += '\n';
  const auto length = static_cast<std::uint16_t>(header.size());
  OutputFile out(path);
  out.write(npy_magic.data(), npy_magic.size());
  out.write(&length, sizeof length);
  out.write(header.data(), header.size());
  out.write(values.data(), values.size() * sizeof(float));
  out.close();
}

// Images of an .npy file (format 1.0) that holds [n,3,227,227] float32 in C order.
std::vector<float> read_npy_images(const std::string& path) {
  const std::string expected =
      path + " must be an .npy file (format 1.0) of float32 in C order, shape (n, 3, 227, 227)";
  std::ifstream in(path, std::ios::binary);
  std::array<unsigned char, 8> magic{};
  std::uint16_t length = 0;
  in.read(reinterpret_cast<char*>(magic.data()), magic.size());
  in.read(reinterpret_cast<char*>(&length), sizeof length);
  std::string header(length, '\0');
  in.read(header.data(), length);
  if (!in) throw std::runtime_error("cannot read " + path + ": " + expected);
  const std::size_t shape = header.find("'shape': (");
  if (magic != npy_magic || header.find("'descr': '<f4'") == std::string::npos ||
      header.find("'fortran_order': False") == std::string::npos || shape == std::string::npos)
    throw std::runtime_error(expected);
  std::istringstream dimensions(header.substr(shape + std::strlen("'shape': (")));
  long n = 0, c = 0, h = 0, w = 0;
  char comma = 0;
  dimensions >> n >> comma >> c >> comma >> h >> comma >> w >> comma;
  if (!dimensions || comma != ')' || n < 1 || n > 100000 || c != 3 || h != input_size ||
      w != input_size)
    throw std::runtime_error(expected);
  std::vector<float> values(static_cast<std::size_t>(n * c * h * w));
  in.read(reinterpret_cast<char*>(values.data()),
          static_cast<std::streamsize>(values.size() * sizeof(float)));
  if (!in || in.peek() != std::ifstream::traits_type::eof())
    throw std::runtime_error(path + " does not hold as much data as its shape says");
  return values;
}

// Called for every layer, input first. tag1 opens a residual block; a block whose first convolution
// has a stride opens a stage.
class ParameterCollector {
 public:
  template <unsigned long ID, typename U, typename E>
  void visit(dlib::add_tag_layer<ID, U, E>&) {
    if (ID == 1) {
      in_block_ = true;
      convolution_ = 0;
    }
  }

  template <long nf, long nr, long nc, int sy, int sx, int py, int px, typename U, typename E>
  void visit(dlib::add_layer<dlib::con_<nf, nr, nc, sy, sx, py, px>, U, E>& layer) {
    name_ = "stem";
    if (in_block_) {
      if (convolution_ == 0) {
        const bool opens_stage = stage_ < 0 || sy != 1;
        stage_ += opens_stage ? 1 : 0;
        block_ = opens_stage ? 0 : block_ + 1;
      }
      name_ = "stages." + std::to_string(stage_) + '.' + std::to_string(block_) + ".conv" +
              std::to_string(++convolution_);
    }
    const dlib::tensor& parameters = layer.layer_details().get_layer_params();
    const bool has_bias = !layer.layer_details().bias_is_disabled();
    const std::size_t weights =
        parameters.size() - (has_bias ? nf : 0);  // OIHW weights, then the biases
    const float* source = parameters.host();
    tensors_.push_back({
        name_ + ".weight",
        {nf,  static_cast<std::int64_t>(weights) / (nf * nr * nc), nr, nc},
        {source, source + weights                                                   }
    });
    tensors_.push_back({name_ + ".bias", {nf}, std::vector<float>(nf, 0.0F)});
    if (has_bias) tensors_.back().values.assign(source + weights, source + weights + nf);
    foldable_ = true;
  }

  // gamma*(w*x + b) + beta. (dlib 19.24's own fuse_layers() leaves out gamma*b.)
  template <typename U, typename E>
  void visit(dlib::add_layer<dlib::affine_, U, E>& layer) {
    const auto gamma_tensor = layer.layer_details().get_gamma();
    const auto beta_tensor = layer.layer_details().get_beta();
    if (!foldable_ || gamma_tensor.size() != tensors_.back().values.size())
      throw std::runtime_error("the affine layer after " + name_ +
                               " has no convolution to be folded into");
    const float* gamma = gamma_tensor.host();
    const float* beta = beta_tensor.host();
    std::vector<float>& bias = tensors_.back().values;
    std::vector<float>& weight = tensors_[tensors_.size() - 2].values;
    const std::size_t per_channel = weight.size() / bias.size();
    for (std::size_t o = 0; o < bias.size(); ++o) {
      for (std::size_t i = o * per_channel; i < (o + 1) * per_channel; ++i)
        weight[i] = static_cast<float>(static_cast<double>(weight[i]) * gamma[o]);
      bias[o] = static_cast<float>(static_cast<double>(bias[o]) * gamma[o] + beta[o]);
    }
    foldable_ = false;
  }

  template <unsigned long n, dlib::fc_bias_mode mode, typename U, typename E>
  void visit(dlib::add_layer<dlib::fc_<n, mode>, U, E>& layer) {
    static_assert(mode == dlib::FC_HAS_BIAS,
                  "the last row of the parameters is taken for the bias");
    const dlib::tensor& parameters = layer.layer_details().get_layer_params();
    const std::size_t inputs = parameters.size() / n - 1;  // [inputs, n], then one row of biases
    const float* source = parameters.host();
    std::vector<float> transposed(n * inputs);
    for (std::size_t i = 0; i < inputs; ++i)
      for (std::size_t o = 0; o < n; ++o) transposed[o * inputs + i] = source[i * n + o];
    tensors_.push_back({
        "fc.weight", {n, static_cast<std::int64_t>(inputs)},
         std::move(transposed)
    });
    tensors_.push_back({
        "fc.bias", {n                         },
         { source + inputs * n, source + (inputs + 1) * n}
    });
  }

  template <typename Layer>
  void visit(Layer&) {}  // relu, pooling, add_prev, skip, input, loss: no parameters

  const std::vector<NamedTensor>& tensors() const { return tensors_; }

 private:
  std::vector<NamedTensor> tensors_;
  std::string name_;
  int stage_ = -1, block_ = -1, convolution_ = 0;
  bool in_block_ = false, foldable_ = false;
};

// visit_layers_backwards takes its visitor by value, so the state lives behind this reference.
struct Visitor {
  ParameterCollector& collector;
  template <typename Layer>
  void operator()(Layer& layer) {
    collector.visit(layer);
  }
};

void convert(resnet34::Network& network, const std::vector<std::string>& labels,
             const std::string& weights_path, const std::string& labels_path) {
  ParameterCollector collector;
  dlib::visit_layers_backwards(network, Visitor{collector});
  write_safetensors(weights_path, collector.tensors());
  OutputFile out(labels_path);
  for (std::string line : labels) {
    if (line.find('\n') != std::string::npos)
      throw std::runtime_error("a label holds a line break: " + line);
    std::replace(line.begin(), line.end(), '_', ' ');  // dlib has great_white_shark
    line += '\n';
    out.write(line.data(), line.size());
  }
  out.close();
}

void logits(resnet34::Network& network, const std::string& input_path,
            const std::string& logits_path) {
  const std::vector<float> images = read_npy_images(input_path);
  constexpr std::size_t image_values = 3 * input_size * input_size;
  const std::size_t count = images.size() / image_values;
  std::vector<float> all;
  dlib::resizable_tensor input(1, 3, input_size, input_size);
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(input.host(), images.data() + i * image_values, image_values * sizeof(float));
    const dlib::tensor& output = network.subnet().forward(input);
    all.insert(all.end(), output.host(), output.host() + output.size());
  }
  write_npy(logits_path, static_cast<long>(count), static_cast<long>(all.size() / count), all);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() != 4 || (arguments[0] != "convert" && arguments[0] != "logits")) {
    std::cerr << "usage: dlib_converter convert MODEL.dnn WEIGHTS.safetensors LABELS.txt\n"
                 "       dlib_converter logits  MODEL.dnn INPUT.npy LOGITS.npy\n";
    return 2;
  }
  static resnet34::Network network;  // too large for the stack
  std::vector<std::string> labels;
  dlib::deserialize(arguments[1]) >> network >> labels;
  if (arguments[0] == "convert")
    convert(network, labels, arguments[2], arguments[3]);
  else
    logits(network, arguments[2], arguments[3]);
  return 0;
} catch (const std::exception& error) {
  std::cerr << "dlib_converter: " << error.what() << '\n';
  return 1;
}
