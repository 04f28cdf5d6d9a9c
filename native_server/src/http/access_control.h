// Who may call what. Without API keys everybody may call everything but what is the operator's.
#pragma once

#include <httplib.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "beralih/result.h"
#include "http/access.h"
#include "http/api_keys.h"
#include "http/problem.h"

namespace beralih {

class AccessControl {
 public:
  /// Without keys.
  AccessControl() = default;

  /// `open_to_all`: what needs no key. Errors: those of read_api_keys().
  static Result<std::shared_ptr<AccessControl>> with_keys(std::filesystem::path file,
                                                          std::set<Access> open_to_all);

  /// Reads the file anew; the old keys stay where it cannot be used. Errors: those of
  /// read_api_keys().
  Status reread();

  bool has_keys() const { return !file_.empty(); }

  /// Why the caller may not; nullopt where it may. With a refusal the answer's WWW-Authenticate
  /// header is set. Names the key in the log.
  std::optional<Problem> refuse(const httplib::Request& request, httplib::Response& response,
                                Access access) const;

  /// Whether the caller is the operator, for routes that answer an operator more.
  bool is_operator(const httplib::Request& request) const;

 private:
  using Keys = std::vector<ApiKey>;

  std::shared_ptr<const Keys> keys() const;

  std::filesystem::path file_;  ///< empty: no keys
  std::set<Access> open_to_all_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Keys> keys_;  ///< guarded by mutex_
};

}  // namespace beralih
