// Base64 (RFC 4648, section 4).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace beralih {

/// Strict: padded, no white space. Nothing if it is not base64.
std::optional<std::string> decode_base64(std::string_view text);

/// Padded, in one line.
std::string encode_base64(std::span<const uint8_t> bytes);

}  // namespace beralih
