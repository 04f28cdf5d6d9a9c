#include "http/origin.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "http/header_text.h"

namespace beralih {
namespace {

struct Scheme {
  std::string_view prefix;
  int default_port;
};

constexpr Scheme kSchemes[] = {
    {"https://", 443},
    {"http://",  80 }
};

Error not_an_origin(std::string_view text, const std::string& why) {
  return Error{ErrorCode::kInvalidArgument,
               "\"" + std::string(text.substr(0, 100)) + "\" is not an origin: " + why +
                   "; write scheme://host or scheme://host:port, as in https://example.org:8443"};
}

bool is_host(std::string_view host) {
  const bool bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  return !host.empty() && std::all_of(host.begin(), host.end(), [&](unsigned char c) {
    return bracketed ? std::isxdigit(c) || c == ':' || c == '.'
                     : std::isalnum(c) || c == '-' || c == '.' || c == '_';
  });
}

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += " " + part;
  return out;
}

}  // namespace

Result<std::string> parse_origin(std::string_view text) {
  const std::string known = lower(text);
  const auto* scheme = std::find_if(std::begin(kSchemes), std::end(kSchemes),
                                    [&](const Scheme& s) { return known.starts_with(s.prefix); });
  if (scheme == std::end(kSchemes))
    return not_an_origin(text, "it does not begin with http:// or https://");

  const std::string_view rest = std::string_view(known).substr(scheme->prefix.size());
  const size_t bracket = rest.rfind(']');
  const size_t colon = rest.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const std::string_view host = rest.substr(0, colon);
  if (rest.find('/') != std::string_view::npos)
    return not_an_origin(text, "a path or a final slash follows the host");
  if (!is_host(host)) return not_an_origin(text, "the host name is not one");
  std::string origin = std::string(scheme->prefix) + std::string(host);
  if (colon == std::string_view::npos) return origin;

  const std::string_view digits = rest.substr(colon + 1);
  int port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size() || port < 1 || port > 65535)
    return not_an_origin(text, "the port is not a number from 1 to 65535");
  if (port != scheme->default_port) origin += ":" + std::to_string(port);
  return origin;
}

bool may_call(const OriginLists& lists, std::string_view origin) {
  return std::find(lists.callers.begin(), lists.callers.end(), origin) != lists.callers.end();
}

std::string content_security_policy(const OriginLists& lists,
                                    const std::vector<std::string>& inline_scripts) {
  return "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'" + join(inline_scripts) +
         "; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; font-src 'self' data:; "
         "worker-src 'self' blob:; connect-src 'self'" +
         join(lists.servers) +
         "; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors" +
         (lists.frames.empty() ? " 'none'" : join(lists.frames));
}

}  // namespace beralih
