// The plain page of native_server/web, compiled in.
#pragma once

#include <string_view>

namespace beralih {

extern const std::string_view kPageHtml;
extern const std::string_view kPageCss;
extern const std::string_view kPageJs;

}  // namespace beralih
