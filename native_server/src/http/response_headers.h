// The headers that every answer carries, and CORS.
#pragma once

#include <httplib.h>

#include "http/origin.h"

namespace beralih {

/// Whether the path belongs to the API, which pages of other origins may call if they are listed.
bool is_api(const std::string& path);

/// Answers an OPTIONS preflight of a listed origin for the API; false, with nothing done, for
/// everything else.
bool answer_preflight(const httplib::Request& request, httplib::Response& response,
                      const OriginLists& origins);

/// For every answer, just before it is written. `policy` is content_security_policy(origins).
void add_response_headers(const httplib::Request& request, httplib::Response& response,
                          const OriginLists& origins, const std::string& policy);

}  // namespace beralih
