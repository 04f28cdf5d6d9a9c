// Errors whose message is put together from texts and numbers; in one place, because operators of
// std::string at every error make the WebAssembly module larger.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "beralih/result.h"

namespace beralih {

/// A text, which must outlive the call, or a whole number.
class Part {
 public:
  Part(std::string_view text) : text_(text) {}    // NOLINT: implicit
  Part(const char* text) : text_(text) {}         // NOLINT: implicit
  Part(const std::string& text) : text_(text) {}  // NOLINT: implicit
  template <std::integral T>
  Part(T number)  // NOLINT: implicit
      : is_number_(true), number_(static_cast<int64_t>(number)) {}

  void append_to(std::string& message) const;

 private:
  std::string_view text_;
  bool is_number_ = false;
  int64_t number_ = 0;
};

std::string joined(std::initializer_list<Part> parts);

Error error_of(ErrorCode code, std::string_view head, std::initializer_list<Part> parts);

}  // namespace beralih
