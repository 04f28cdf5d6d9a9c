// What a client's conditional and content headers ask for (RFC 9110), apart from any HTTP library.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace beralih {

/// Which of the available codings ("br", "gzip"; in the server's order of preference) to send;
/// empty for the file as it is.
std::string_view choose_coding(std::string_view accept_encoding,
                               const std::vector<std::string_view>& available);

/// If-None-Match: a list of tags, weak ones too, or "*".
bool matches_etag(std::string_view if_none_match, std::string_view etag);

struct ByteRange {
  size_t offset = 0;
  size_t length = 0;
};

/// First and last position of one range, -1 where the header leaves it out ("500-", "-500"), within
/// `size` bytes. Nothing if no byte of it exists.
std::optional<ByteRange> resolve_range(std::pair<long, long> range, size_t size);

}  // namespace beralih
