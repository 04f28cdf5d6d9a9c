#include "http/access_control.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

#include "http/request_log.h"

namespace beralih {
namespace {

constexpr std::string_view kScheme = "bearer ";
constexpr const char* kChallenge = "Bearer realm=\"beralih\"";

/// What follows "Bearer" in the Authorization header, or nothing.
std::optional<std::string> bearer_token(const httplib::Request& request) {
  std::string text = request.get_header_value("Authorization");
  if (text.size() <= kScheme.size()) return std::nullopt;
  const bool bearer =
      std::equal(kScheme.begin(), kScheme.end(), text.begin(),
                 [](char want, unsigned char have) { return std::tolower(have) == want; });
  if (!bearer) return std::nullopt;
  const size_t token = text.find_first_not_of(' ', kScheme.size());
  if (token == std::string::npos) return std::nullopt;
  return text.substr(token);
}

bool is_loopback(std::string_view address) {
  constexpr std::string_view kMapped = "::ffff:";
  if (address.starts_with(kMapped)) address.remove_prefix(kMapped.size());
  return address == "::1" || address.starts_with("127.");
}

/// A person at this machine, and neither a web page that its browser shows nor somebody for whom a
/// proxy on this machine asks.
bool is_local_person(const httplib::Request& request) {
  constexpr const char* kOfOthers[] = {"Origin",          "Sec-Fetch-Site", "Forwarded",
                                       "X-Forwarded-For", "X-Real-IP",      "Via"};
  return is_loopback(request.remote_addr) &&
         std::none_of(std::begin(kOfOthers), std::end(kOfOthers),
                      [&](const char* name) { return request.has_header(name); });
}

}  // namespace

Result<std::shared_ptr<AccessControl>> AccessControl::with_keys(std::filesystem::path file,
                                                                std::set<Access> open_to_all) {
  auto control = std::make_shared<AccessControl>();
  control->file_ = std::move(file);
  control->open_to_all_ = std::move(open_to_all);
  if (auto read = control->reread(); !read) return read.error();
  return control;
}

Status AccessControl::reread() {
  if (!has_keys()) return Ok{};
  auto read = read_api_keys(file_);
  if (!read) return read.error();
  const std::lock_guard lock(mutex_);
  keys_ = std::make_shared<const Keys>(*std::move(read));
  return Ok{};
}

std::shared_ptr<const AccessControl::Keys> AccessControl::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

std::optional<Problem> AccessControl::refuse(const httplib::Request& request,
                                             httplib::Response& response, Access access) const {
  if (!has_keys()) {
    if (access != Access::kAdmin || is_local_person(request)) return std::nullopt;
    return problem_for_status(
        403,
        "Without API keys this address answers the machine that the server runs on, and neither "
        "web pages nor proxies; start the server with --api-keys to call it from elsewhere");
  }
  if (open_to_all_.contains(access)) return std::nullopt;
  const auto token = bearer_token(request);
  if (!token) {
    response.set_header("WWW-Authenticate", kChallenge);
    return problem_for_status(
        401, "This server wants an API key: send the header Authorization: Bearer KEY");
  }
  const auto known = keys();
  const ApiKey* key = find_api_key(*known, *token);
  if (key == nullptr) {
    response.set_header("WWW-Authenticate", std::string(kChallenge) + ", error=\"invalid_token\"");
    return problem_for_status(
        401, "This API key is not one of the server's: it may be mistyped, or withdrawn");
  }
  note_key(key->name);
  if (access == Access::kAdmin && key->role != Role::kAdmin) {
    response.set_header("WWW-Authenticate",
                        std::string(kChallenge) + ", error=\"insufficient_scope\"");
    return problem_for_status(403, "This address wants an admin's key, and " + key->name +
                                       " is a user's; `beralih key new NAME --admin` makes one");
  }
  return std::nullopt;
}

bool AccessControl::is_operator(const httplib::Request& request) const {
  if (!has_keys()) return is_local_person(request);
  const auto token = bearer_token(request);
  if (!token) return false;
  const auto known = keys();
  const ApiKey* key = find_api_key(*known, *token);
  return key != nullptr && key->role == Role::kAdmin;
}

}  // namespace beralih
