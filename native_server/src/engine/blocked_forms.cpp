#include "engine/blocked_forms.h"

#include <algorithm>
#include <string>

#include "engine/winograd.h"

namespace beralih {
namespace {

using torch::jit::Node;
using torch::jit::Value;

/// Somebody changes it in place: a second form of it would keep what it was before.
bool is_written(const Value* value) {
  const auto& uses = value->uses();
  return std::any_of(uses.begin(), uses.end(), [](const torch::jit::Use& use) {
    const auto* schema = use.user->maybeSchema();
    if (schema == nullptr || use.offset >= schema->arguments().size()) return false;
    const auto* alias = schema->arguments()[use.offset].alias_info();
    return alias != nullptr && alias->isWrite();
  });
}

}  // namespace

Value* BlockedForms::of(Value* plain) {
  const auto known = forms_.find(plain);
  if (known != forms_.end()) return known->second;
  Value* blocked = graph_.insert(c10::Symbol::fromQualString(kToBlocked), {plain});
  if (!is_written(plain)) forms_[plain] = blocked;
  return blocked;
}

void BlockedForms::publish(Value* replaced, Value* blocked) {
  // Where nobody reads the plain form it is dead code in the end.
  Value* plain = graph_.insert(c10::Symbol::fromQualString(kFromBlocked), {blocked});
  replaced->replaceAllUsesWith(plain);
  // Who alone reads it may do so in place: replace_elementwise() does it elsewhere.
  if (plain->uses().size() == 1 || !is_written(plain)) forms_[plain] = blocked;
}

bool BlockedForms::replace_elementwise(Node* node) {
  const std::string kind = node->kind().toQualString();
  const bool add = kind == "aten::add" || kind == "aten::add_";
  if (!add && kind != "aten::relu" && kind != "aten::relu_") return false;
  const size_t tensors = add ? 2 : 1;
  std::vector<Value*> blocked;
  for (size_t i = 0; i < tensors; ++i) {
    const auto known = forms_.find(node->input(i));
    if (known == forms_.end()) return false;
    blocked.push_back(known->second);
  }
  const bool sole_reader = node->input(0)->uses().size() == 1;
  if (kind.back() == '_' && !sole_reader) return false;
  Value* result = nullptr;
  if (add) {
    const auto alpha = torch::jit::toIValue(node->input(2));
    if (!alpha) return false;
    result = graph_.insert(c10::aten::add,
                           {
                               blocked[0], blocked[1]
    },
                           {{"alpha", *alpha}});
  } else {
    // Its own memory, and nobody else's any more.
    const bool own = sole_reader && blocked[0]->node()->kind() == c10::aten::add;
    result = graph_.insert(own ? c10::aten::relu_ : c10::aten::relu, {blocked[0]});
  }
  publish(node->output(), result);
  return true;
}

}  // namespace beralih
