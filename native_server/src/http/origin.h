// Web origins (RFC 6454) that an operator lists, and what the lists mean for an answer's headers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "beralih/result.h"

namespace beralih {

/// http(s)://host[:port] as a browser writes it in its Origin header: lower case, no default port.
/// Errors: kInvalidArgument.
Result<std::string> parse_origin(std::string_view text);

/// All of them as parse_origin() returns them.
struct OriginLists {
  std::vector<std::string> callers;  ///< --allow-origin: pages that may call the API
  std::vector<std::string> servers;  ///< --allow-server: other servers that our page may call
  std::vector<std::string> frames;   ///< --allow-embed: pages that may show our page in a frame
};

bool may_call(const OriginLists& lists, std::string_view origin);

/// `inline_scripts`: the sources ("'sha256-…'") of the scripts that stand in the answered page.
std::string content_security_policy(const OriginLists& lists,
                                    const std::vector<std::string>& inline_scripts = {});

}  // namespace beralih
