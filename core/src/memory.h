// Memory that runs out is an error like any other, not an exception that the caller must know of.
#pragma once

#include <new>
#include <stdexcept>
#include <utility>

#include "beralih/result.h"

namespace beralih {

inline Error out_of_memory() {
  return {ErrorCode::kImageTooLarge,
          "there is not enough memory here for this image; send a smaller one"};
}

/// What `make` returns, a Result<T> or a T.
template <typename T, typename F>
Result<T> with_memory(F&& make) {
  try {
    return std::forward<F>(make)();
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {  // a size beyond the address space
  }
  return out_of_memory();
}

}  // namespace beralih
