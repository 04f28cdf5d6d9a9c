// How many connections there are.
#pragma once

#include <cstddef>
#include <cstdint>

namespace beralih {

struct ConnectionCounts {
  size_t open = 0;
  size_t in_request = 0;
  uint64_t accepted = 0;
  uint64_t refused = 0;  ///< beyond max_connections
};

}  // namespace beralih
