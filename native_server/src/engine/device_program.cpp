#include "engine/device_program.h"

#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "beralih/preprocess.h"

namespace beralih {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

void collect_nodes(torch::jit::Block* block, std::vector<Node*>& nodes) {
  for (Node* node : block->nodes()) {
    nodes.push_back(node);
    for (torch::jit::Block* inner : node->blocks()) collect_nodes(inner, nodes);
  }
}

bool is_kind(const Node* node, std::string_view name) {
  return node->kind().toQualString() == name;
}

bool is_tensor_constant(const Node* node) {
  return node->kind() == torch::jit::prim::Constant &&
         node->hasAttribute(torch::jit::attr::value) &&
         node->kindOf(torch::jit::attr::value) == torch::jit::AttributeKind::t;
}

/// The linear layer whose result is the program's, or nullptr: its float32 keeps near ties apart.
Node* last_linear(Graph& graph) {
  static const std::set<std::string_view> kPassedOn{
      "aten::to", "aten::view", "aten::reshape", "aten::flatten", "aten::dropout", "aten::squeeze"};
  for (Node* node = graph.outputs().at(0)->node();; node = node->input(0)->node()) {
    if (is_kind(node, "aten::linear") || is_kind(node, "aten::addmm")) return node;
    if (node->inputs().empty() || !kPassedOn.contains(node->kind().toQualString())) return nullptr;
  }
}

Value* insert_cast(Graph& graph, Value* value, at::ScalarType type) {
  return graph.insert(c10::Symbol::fromQualString("aten::to"), {value, static_cast<int64_t>(type)});
}

/// What the last layer gets becomes float32; returns its constants, which must stay so.
std::set<const Node*> keep_head(Graph& graph, at::ScalarType type) {
  std::set<const Node*> kept;
  if (type == at::kFloat) return kept;
  Node* head = last_linear(graph);
  if (head == nullptr) return kept;
  const torch::jit::WithInsertPoint at_head(head);
  for (size_t i = 0; i < head->inputs().size(); ++i) {
    const Node* source = head->input(i)->node();
    if (is_tensor_constant(source)) {
      kept.insert(source);
    } else if (source->output()->type()->isSubtypeOf(*c10::TensorType::get())) {
      head->replaceInput(i, insert_cast(graph, head->input(i), at::kFloat));
    }
  }
  return kept;
}

/// Copies the program's tensors to the device, each once.
class Placement {
 public:
  Placement(at::Device device, const ProgramForm& form) : device_(device), form_(form) {}

  at::Tensor place(const at::Tensor& tensor, bool keep_type) {
    const auto key =
        std::make_tuple(tensor.data_ptr(), tensor.sizes().vec(), tensor.strides().vec(), keep_type);
    const auto found = placed_.find(key);
    if (found != placed_.end()) return found->second;
    // As it is stored first: the device converts more quickly than the processor.
    at::Tensor there = tensor.to(device_);
    if (there.is_floating_point() && !keep_type) there = there.to(form_.type);
    if (form_.channels_last && there.dim() == 4)
      there = there.contiguous(at::MemoryFormat::ChannelsLast);
    bytes_ += static_cast<int64_t>(there.nbytes());
    return placed_.emplace(key, there).first->second;
  }
  int64_t bytes() const { return bytes_; }

 private:
  at::Device device_;
  ProgramForm form_;
  std::map<std::tuple<void*, std::vector<int64_t>, std::vector<int64_t>, bool>, at::Tensor> placed_;
  int64_t bytes_ = 0;
};

/// The ReLU that alone uses a value; nullptr if there is none.
Node* only_relu(const Value* value) {
  if (value->uses().size() != 1) return nullptr;
  Node* user = value->uses().front().user;
  return is_kind(user, "aten::relu") || is_kind(user, "aten::relu_") ? user : nullptr;
}

/// An addition of two tensors, unscaled, that alone uses `value` and writes into nothing else;
/// nullptr if there is none.
Node* only_addition(const Value* value) {
  if (value->uses().size() != 1) return nullptr;
  Node* user = value->uses().front().user;
  const bool into_value = is_kind(user, "aten::add_") && user->input(0) == value;
  if (!is_kind(user, "aten::add") && !into_value) return nullptr;
  const auto alpha = torch::jit::toIValue(user->input(2));
  const bool tensors = user->input(0)->type()->isSubtypeOf(*c10::TensorType::get()) &&
                       user->input(1)->type()->isSubtypeOf(*c10::TensorType::get());
  return tensors && alpha && alpha->isInt() && alpha->toInt() == 1 ? user : nullptr;
}

/// Replaces conv2d → relu, and conv2d → add → relu, by cuDNN's one call for each.
size_t fuse_convolutions(const std::shared_ptr<Graph>& graph) {
  std::vector<Node*> nodes;
  collect_nodes(graph->block(), nodes);
  size_t fused = 0;
  for (Node* node : nodes) {
    if (!is_kind(node, "aten::conv2d") || node->inputs().size() != 7) continue;
    const auto padding = torch::jit::toIValue(node->input(4));
    if (!padding || !padding->isIntList()) continue;  // "same", "valid"
    std::vector<Value*> inputs{node->input(0), node->input(1)};
    const char* call = "aten::cudnn_convolution_relu";
    Node* relu = only_relu(node->output());
    if (relu == nullptr) {
      Node* addition = only_addition(node->output());
      relu = addition != nullptr ? only_relu(addition->output()) : nullptr;
      if (relu == nullptr) continue;
      call = "aten::cudnn_convolution_add_relu";
      inputs.push_back(addition->input(addition->input(0) == node->output() ? 1 : 0));
      inputs.push_back(addition->input(2));  // its factor, 1
    }
    for (size_t i = 2; i < 7; ++i) inputs.push_back(node->input(i));
    const torch::jit::WithInsertPoint at_relu(relu);
    Node* run = graph->insertNode(graph->create(c10::Symbol::fromQualString(call), inputs));
    run->output()->setType(c10::TensorType::get());
    relu->output()->replaceAllUsesWith(run->output());
    ++fused;
  }
  // Given the graph and not its block, it knows what aliases what: only then may operations in
  // place (relu_, add_) go, and the convolutions that they keep alive.
  torch::jit::EliminateDeadCode(graph);
  return fused;
}

}  // namespace

DeviceProgram::DeviceProgram(const torch::jit::Module& program, at::Device device,
                             const ProgramForm& form)
    : form_(form) {
  // Folds what can be folded, in float32, and makes constants of the weights: the graph is all.
  const torch::jit::Module frozen = torch::jit::freeze(program);
  const auto graph = frozen.get_method("forward").graph()->copy();
  if (form.fused) fused_nodes_ = fuse_convolutions(graph);
  const std::set<const Node*> kept = keep_head(*graph, form.type);
  Placement placement(device, form);
  std::vector<Node*> nodes;
  collect_nodes(graph->block(), nodes);
  for (Node* node : nodes) {
    if (is_tensor_constant(node)) {
      const bool keep = kept.contains(node);
      const at::Tensor there = placement.place(node->t(torch::jit::attr::value), keep);
      node->t_(torch::jit::attr::value, there);
      node->output()->setType(c10::TensorType::get());
    } else if (node->kind() == torch::jit::prim::Constant &&
               node->output()->type()->kind() == c10::TypeKind::DeviceObjType) {
      node->s_(torch::jit::attr::value, device.str());
    } else if (node->kind() == torch::jit::prim::GetAttr &&
               node->output()->type()->isSubtypeOf(*c10::TensorType::get())) {
      TORCH_CHECK(false, "the program changes its own tensor \"", node->s(torch::jit::attr::name),
                  "\" while it runs, which cannot be moved");
    }
  }
  weight_bytes_ = placement.bytes();
  self_ = frozen._ivalue();
  code_ = std::make_unique<torch::jit::Code>(graph, "forward");
}

at::Tensor DeviceProgram::run(const at::Tensor& input) const {
  at::Tensor x = input.is_floating_point() ? input.to(form_.type) : input;
  if (x.dim() == 4) {
    x = x.contiguous(form_.channels_last ? at::MemoryFormat::ChannelsLast
                                         : at::MemoryFormat::Contiguous);
  }
  torch::jit::Stack stack{self_, x};
  // Not through the executor, which would profile, specialise and compile kernels of its own.
  torch::jit::InterpreterState(*code_).run(stack);
  TORCH_CHECK(stack.size() == 1 && stack.back().isTensor(),
              "the network returns something other than a tensor");
  return stack.back().toTensor().to(at::kFloat).contiguous();
}

PixelTable::PixelTable(const PreprocessSpec& spec, at::Device device) {
  const auto table = normalization_table(spec);
  static_assert(sizeof(table) == 3 * 256 * sizeof(float));
  table_ = at::empty({3 * 256}, at::kFloat);
  std::copy_n(table.front().data(), 3 * 256, table_.data_ptr<float>());
  table_ = table_.to(device);
  offsets_ = (at::arange(3, at::kInt) * 256).to(device);
}

bool PixelTable::equals_core(const PreprocessSpec& spec, at::Device device) {
  PreprocessSpec plain = spec;
  plain.channel_order = ChannelOrder::kRgb;
  plain.layout = Layout::kNhwc;
  Image ramp = Image::allocate(1, 256);
  for (size_t i = 0; i < ramp.pixels.size(); ++i) ramp.pixels[i] = static_cast<uint8_t>(i / 3);
  const Tensor expected = normalize(ramp, plain);
  const at::Tensor pixels = at::from_blob(ramp.pixels.data(), {1, 1, 256, 3}, at::kByte);
  const at::Tensor found =
      PixelTable(spec, device).look_up(pixels.to(device)).to(at::kCPU).contiguous();
  const auto bytes = expected.bytes();
  return found.nbytes() == bytes.size() &&
         std::memcmp(found.data_ptr(), bytes.data(), bytes.size()) == 0;
}

at::Tensor PixelTable::look_up(const at::Tensor& pixels) const {
  const at::Tensor index = (pixels.to(at::kInt) + offsets_).flatten();
  return table_.index_select(0, index).view(pixels.sizes());
}

}  // namespace beralih
