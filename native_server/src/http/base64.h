// Base64 (RFC 4648, section 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace beralih {

/// Strict: padded, no white space. Nothing if it is not base64.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace beralih
