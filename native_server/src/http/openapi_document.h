// native_server/api/openapi.yaml, compiled in.
#pragma once

#include <string_view>

namespace beralih {

extern const std::string_view kOpenApiDocument;

}  // namespace beralih
