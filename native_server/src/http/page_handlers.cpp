// The page's files.
#include <algorithm>
#include <vector>

#include "http/handlers.h"

namespace beralih {
namespace {

constexpr const char* kUnchanging = "public, max-age=31536000, immutable";
constexpr std::string_view kApiPrefixes[] = {"/api/", "/v2/", "/bundle/"};

constexpr const char* kNotFoundPage = R"(<!doctype html>
<html lang="id">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>404</title>
<p>Tidak ada apa-apa di alamat ini. <a href="/">Ke halaman awal</a>.</p>
<p lang="en">Nothing is at this address. <a href="/">To the first page</a>.</p>
</html>
)";

bool is_read(const std::string& method) { return method == "GET" || method == "HEAD"; }

bool asks_for_html(const httplib::Request& request) {
  for (const std::string_view prefix : kApiPrefixes) {
    if (request.path.starts_with(prefix)) return false;
  }
  return is_read(request.method) &&
         request.get_header_value("Accept").find("text/html") != std::string::npos;
}

/// The address as the client wrote it, with the slash before its query.
std::string with_slash(const std::string& target) {
  const size_t end = std::min(target.find_first_of("?#"), target.size());
  return target.substr(0, end) + "/" + target.substr(end);
}

void send_file(const Exchange& exchange, const SiteFile& file) {
  httplib::Response& response = exchange.response;
  response.set_header("Cache-Control", file.immutable ? kUnchanging : "no-cache");
  if (!file.inline_scripts.empty()) {
    response.set_header("Content-Security-Policy",
                        content_security_policy(exchange.options.origins, file.inline_scripts));
  }
  const Representation* chosen = &file.identity;
  if (!file.encoded.empty()) {
    response.set_header("Vary", "Accept-Encoding");
    std::vector<std::string_view> available;
    for (const auto& [coding, representation] : file.encoded) available.push_back(coding);
    const std::string_view coding =
        choose_coding(exchange.request.get_header_value("Accept-Encoding"), available);
    if (!coding.empty()) {
      chosen = &file.encoded.find(coding)->second;
      response.set_header("Content-Encoding", std::string(coding));
    }
  }
  send_representation(exchange, *chosen, file.content_type);
}

}  // namespace

bool handle_page(const Exchange& exchange) {
  const httplib::Request& request = exchange.request;
  const StaticSite& site = *exchange.options.site;
  const SiteFile* file = site.find(request.path);
  if (file == nullptr && !site.lacks_slash(request.path)) return false;
  if (!is_read(request.method)) {
    exchange.response.set_header("Allow", "GET, HEAD");
    exchange.fail(problem_for_status(405, "This address answers GET, HEAD"));
  } else if (file != nullptr) {
    send_file(exchange, *file);
  } else {
    exchange.response.status = 308;
    exchange.response.set_header("Cache-Control", "no-cache");
    exchange.response.set_header("Location", with_slash(request.target));
  }
  return true;
}

void handle_unknown(const Exchange& exchange) {
  if (!asks_for_html(exchange.request)) {
    return exchange.fail(
        problem_for_status(404, "Nothing is at this address; images go to POST /api/classify"));
  }
  exchange.response.status = 404;
  exchange.response.set_header("Cache-Control", "no-store");
  exchange.response.set_content(kNotFoundPage, "text/html; charset=utf-8");
}

}  // namespace beralih
