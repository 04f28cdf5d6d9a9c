// Keeps what lies between Winograd convolutions in their own order of memory, so that nothing is
// reordered there and back. Used while a frozen graph is rewritten, node by node in its order.
#pragma once

#include <torch/script.h>

#include <unordered_map>

namespace beralih {

/// A value of the graph may have a second, blocked form (engine/winograd.h). The nodes that are
/// made here stand at the graph's insertion point: just before the node that they replace.
class BlockedForms {
 public:
  explicit BlockedForms(torch::jit::Graph& graph) : graph_(graph) {}

  /// The blocked form of a tensor whose channels fill whole blocks; made where there is none yet.
  torch::jit::Value* of(torch::jit::Value* plain);

  /// `replaced` is computed as `blocked` from now on.
  void publish(torch::jit::Value* replaced, torch::jit::Value* blocked);

  /// Computes an addition or a ReLU on the blocked forms of all its tensors. False: it is something
  /// else, or one of them has none.
  bool replace_elementwise(torch::jit::Node* node);

 private:
  torch::jit::Graph& graph_;
  std::unordered_map<torch::jit::Value*, torch::jit::Value*> forms_;
};

}  // namespace beralih
