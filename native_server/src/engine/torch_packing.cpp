// Packing: what libtorch's own passes leave undone on the CPU. A convolution on dense tensors
// reorders its weights for oneDNN at every call; here that happens once.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/record_function.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/blocked_forms.h"
#include "engine/torch_program.h"
#include "engine/winograd.h"

namespace beralih {
namespace {

using torch::jit::Node;
using torch::jit::Value;
using InputSizes = std::map<const void*, std::vector<int64_t>>;  ///< by the weights' address

/// Where the observer of this thread's operators writes, which can carry no data of its own.
thread_local InputSizes* observed_sizes = nullptr;

std::unique_ptr<at::ObserverContext> observe_convolution(const at::RecordFunction& call) {
  const auto inputs = call.inputs();
  const std::string_view name = call.name();
  if ((name == "aten::conv2d" || name == "aten::_convolution") && inputs.size() > 1 &&
      inputs[0].isTensor() && inputs[1].isTensor()) {
    observed_sizes->insert({inputs[1].toTensor().data_ptr(), inputs[0].toTensor().sizes().vec()});
  }
  return nullptr;
}

/// Observes this thread's operators, and lets go of `sizes` whatever the run throws.
class ConvolutionObserver {
 public:
  explicit ConvolutionObserver(InputSizes& sizes)
      : handle_(at::addThreadLocalCallback(at::RecordFunctionCallback(&observe_convolution)
                                               .needsInputs(true)
                                               .scopes({at::RecordScope::FUNCTION}))) {
    observed_sizes = &sizes;
  }
  ~ConvolutionObserver() {
    at::removeCallback(handle_);
    observed_sizes = nullptr;
  }
  ConvolutionObserver(const ConvolutionObserver&) = delete;
  ConvolutionObserver& operator=(const ConvolutionObserver&) = delete;

 private:
  at::CallbackHandle handle_;
};

/// One run with an eye on the convolutions. oneDNN chooses the weights' order by the input's size;
/// with a wrong one the result would be the same, but slower.
InputSizes observe_input_sizes(const torch::jit::Module& program, const at::Tensor& input) {
  InputSizes sizes;
  const ConvolutionObserver observer(sizes);
  // A copy of the graph: the program's own executor specialises on what it sees first.
  const torch::jit::Code code(program.get_method("forward").graph()->copy(), "forward");
  torch::jit::Stack stack{program._ivalue(), input};
  torch::jit::InterpreterState(code).run(stack);
  return sizes;
}

struct Convolution {
  at::Tensor weight;
  c10::IValue bias, stride, padding, dilation, groups;
};

/// Nothing for a node that is no convolution in two dimensions with known weights.
std::optional<Convolution> as_convolution(const Node* node) {
  const std::string kind = node->kind().toQualString();
  const bool traced = kind == "aten::_convolution";
  if (!traced && kind != "aten::conv2d") return std::nullopt;
  const auto constant = [&](size_t index) { return torch::jit::toIValue(node->input(index)); };
  const auto weight = constant(1), bias = constant(2), stride = constant(3), padding = constant(4),
             dilation = constant(5), groups = constant(traced ? 8 : 6);
  if (!weight || !bias || !stride || !padding || !dilation || !groups) return std::nullopt;
  if (!weight->isTensor() || !padding->isIntList()) return std::nullopt;
  if (traced && (!constant(6) || constant(6)->toBool())) return std::nullopt;  // transposed
  const at::Tensor tensor = weight->toTensor();
  if (tensor.dim() != 4 || tensor.scalar_type() != at::kFloat) return std::nullopt;
  return Convolution{tensor, *bias, *stride, *padding, *dilation, *groups};
}

c10::IValue pack(const Convolution& convolution, at::ScalarType type,
                 const std::vector<int64_t>& input_size, bool relu) {
  static const c10::OperatorHandle prepack =
      c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn_prepacked::conv2d_prepack", "");
  c10::IValue bias = convolution.bias;
  if (bias.isTensor()) bias = bias.toTensor().to(type);
  const at::Tensor weight = convolution.weight.to(type).contiguous(at::MemoryFormat::ChannelsLast);
  torch::jit::Stack stack{weight,
                          bias,
                          convolution.stride,
                          convolution.padding,
                          convolution.dilation,
                          convolution.groups,
                          input_size,
                          relu ? "relu" : "none"};
  prepack.callBoxed(&stack);
  // The result holds its own packed copy, and this tensor beside it, for torch.save() alone. (The
  // contract's weights, where `weight` is still one of them, are not the result's to free.)
  if (!weight.is_same(convolution.weight)) weight.storage().set_data_ptr(at::DataPtr());
  return stack.back();
}

bool is_all_ones(const c10::IValue& numbers) {
  if (!numbers.isIntList()) return false;
  const auto values = numbers.toIntVector();
  return std::all_of(values.begin(), values.end(), [](int64_t value) { return value == 1; });
}

/// Nothing where it has no such form.
std::optional<c10::IValue> pack_winograd(const Convolution& convolution,
                                         const std::vector<int64_t>& input_size, bool relu) {
  if (!is_all_ones(convolution.stride) || !is_all_ones(convolution.dilation) ||
      convolution.groups.toInt() != 1 || convolution.padding.toIntVector().size() != 2) {
    return std::nullopt;
  }
  const at::Tensor bias = convolution.bias.isTensor() ? convolution.bias.toTensor() : at::Tensor();
  return make_winograd(convolution.weight, bias, {input_size, convolution.padding.toIntVector()},
                       relu);
}

/// The ReLU that alone uses a convolution's result; nullptr if there is none.
Node* following_relu(const Node* node) {
  if (node->output()->uses().size() != 1) return nullptr;
  Node* user = node->output()->uses().front().user;
  const std::string kind = user->kind().toQualString();
  return kind == "aten::relu" || kind == "aten::relu_" ? user : nullptr;
}

void collect_nodes(torch::jit::Block* block, std::vector<Node*>& nodes) {
  for (Node* node : block->nodes()) {
    nodes.push_back(node);
    for (torch::jit::Block* inner : node->blocks()) collect_nodes(inner, nodes);
  }
}

Value* insert_cast(torch::jit::Graph& graph, Value* value, at::ScalarType type) {
  return graph.insert(c10::Symbol::fromQualString("aten::to"), {value, static_cast<int64_t>(type)});
}

}  // namespace

PackedProgram pack_program(const torch::jit::Module& program, at::ScalarType type,
                           Filtering filtering, const at::Tensor& input) {
  torch::jit::Module packed = torch::jit::freeze(program);
  const InputSizes sizes = observe_input_sizes(packed, input);
  const auto graph = packed.get_method("forward").graph();
  Value* self = graph->inputs().at(0);
  std::vector<Node*> nodes;
  collect_nodes(graph->block(), nodes);
  BlockedForms blocked_forms(*graph);
  std::unordered_set<const Node*> removed;
  size_t count = 0, winograd_count = 0;
  for (Node* node : nodes) {
    if (removed.count(node) > 0) continue;
    const torch::jit::WithInsertPoint at_node(node);
    if (type != at::kFloat && node->kind() == c10::Symbol::fromQualString("aten::linear")) {
      node->replaceInput(0, insert_cast(*graph, node->input(0), at::kFloat));
      continue;
    }
    const bool may_be_blocked =
        filtering == Filtering::kWinograd && node->owningBlock() == graph->block();
    if (may_be_blocked && blocked_forms.replace_elementwise(node)) {
      node->destroy();
      continue;
    }
    const auto convolution = as_convolution(node);
    if (!convolution) continue;
    const auto size = sizes.find(convolution->weight.data_ptr());
    if (size == sizes.end()) continue;  // on a path that this input does not take
    Node* relu = following_relu(node);
    Node* last = relu != nullptr && relu->owningBlock() == node->owningBlock() ? relu : node;
    const std::string name = "packed_convolution_" + std::to_string(count++);
    const auto add_context = [&](const c10::IValue& context) {
      packed.register_attribute(name, context.type(), context);
      return graph->insertGetAttr(self, name);
    };
    const auto run = [&](const char* kind, Value* x, const c10::IValue& context) {
      Node* made = graph->insertNode(
          graph->create(c10::Symbol::fromQualString(kind), {x, add_context(context)}));
      made->output()->setType(c10::TensorType::get());
      return made->output();
    };
    const auto winograd =
        may_be_blocked ? pack_winograd(*convolution, size->second, last == relu) : std::nullopt;
    if (winograd) {
      ++winograd_count;
      blocked_forms.publish(last->output(),
                            run(kWinogradConvolution, blocked_forms.of(node->input(0)), *winograd));
    } else {
      Value* x = node->input(0);
      if (type != at::kFloat) x = insert_cast(*graph, x, type);
      last->output()->replaceAllUsesWith(run("mkldnn_prepacked::conv2d_run", x,
                                             pack(*convolution, type, size->second, last == relu)));
    }
    if (last == relu) {
      removed.insert(relu);
      relu->destroy();
    }
    node->destroy();
  }
  if (count == 0) throw std::invalid_argument("it has no convolution whose weights are known");
  torch::jit::EliminateDeadCode(graph);
  return {std::move(packed), winograd_count};
}

}  // namespace beralih
