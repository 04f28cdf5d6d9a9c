// Types to contract.json: the other direction of the core's parse_contract.
#pragma once

#include <string>

#include "beralih/contract.h"

namespace beralih {

/// The same contract makes the same bytes: fixed order, two spaces a level, shortest numbers, a
/// final line end. parse_contract() reads it back.
std::string contract_json(const Contract& contract);

}  // namespace beralih
