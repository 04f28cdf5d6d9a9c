// Who may call the server: a file with the names, roles and hashes of keys. The keys themselves are
// nowhere but with their owners.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "beralih/result.h"

namespace beralih {

enum class Role { kUser, kAdmin };

struct ApiKey {
  std::string name;
  Role role = Role::kUser;
  std::array<uint8_t, 32> sha256{};  ///< of the key's text
};

/// Lines of NAME:user|admin:SHA256; empty ones and those that begin with # say nothing. Errors:
/// kInvalidArgument, with `file` and the line's number; also where there is no key at all.
Result<std::vector<ApiKey>> parse_api_keys(std::string_view text, const std::string& file);

/// Errors: those of parse_api_keys(), kIo where the file cannot be read or others than its owner
/// may write to it.
Result<std::vector<ApiKey>> read_api_keys(const std::filesystem::path& file);

/// The one that `text` is, or nullptr. How long it takes tells nothing about the keys.
const ApiKey* find_api_key(std::span<const ApiKey> keys, std::string_view text);

struct NewApiKey {
  std::string key;   ///< 256 random bits, as text
  std::string line;  ///< for the file
};

/// Errors: kInvalidArgument for a name that the file could not hold, kIo without random numbers.
Result<NewApiKey> make_api_key(const std::string& name, Role role);

}  // namespace beralih
