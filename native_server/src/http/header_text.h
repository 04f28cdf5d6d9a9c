// Words of header fields. HTTP's whitespace is space and tab (RFC 9110, 5.6.3); its letters are
// ASCII.
#pragma once

#include <string>
#include <string_view>

namespace beralih {

/// Without the spaces and tabs at both ends; a view into `text`.
std::string_view trim(std::string_view text);

std::string lower(std::string_view text);

}  // namespace beralih
