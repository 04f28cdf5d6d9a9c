#include "http/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include "beralih/sha256.h"

namespace beralih {
namespace {

constexpr size_t kMostFileBytes = 1u << 20;
constexpr size_t kLongestName = 64;
constexpr size_t kKeyBytes = 32;
// So that a key is recognised where it should not be: in a repository, in a log.
constexpr std::string_view kKeyPrefix = "beralih-";

std::array<uint8_t, 32> hash_of(std::string_view text) {
  Sha256 hash;
  hash.update({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  return hash.digest();
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-' || c == '@';
         });
}

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

bool read_hash(std::string_view text, std::array<uint8_t, 32>& hash) {
  if (text.size() != 2 * hash.size()) return false;
  for (size_t i = 0; i < hash.size(); ++i) {
    const auto high = hex_digit(text[2 * i]);
    const auto low = hex_digit(text[2 * i + 1]);
    if (!high || !low) return false;
    hash[i] = static_cast<uint8_t>(*high * 16 + *low);
  }
  return true;
}

/// What is wrong with the line, or nothing and the key.
std::string read_line(std::string_view line, ApiKey& key) {
  const size_t first = line.find(':');
  const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
  if (second == std::string_view::npos) return "is not NAME:ROLE:SHA256";
  const std::string_view role = line.substr(first + 1, second - first - 1);
  key.name = line.substr(0, first);
  key.role = role == "admin" ? Role::kAdmin : Role::kUser;
  if (!is_name(key.name)) return "has a name that is not 1 to 64 letters, digits and ._-@";
  if (role != "admin" && role != "user") return "has a role that is neither user nor admin";
  if (!read_hash(line.substr(second + 1), key.sha256))
    return "does not end in the 64 hexadecimal digits of a key's SHA-256";
  return {};
}

Error unreadable(const std::filesystem::path& file, const std::string& why) {
  return Error{ErrorCode::kIo, "the API keys in " + file.string() + " cannot be used: " + why};
}

}  // namespace

Result<std::vector<ApiKey>> parse_api_keys(std::string_view text, const std::string& file) {
  std::vector<ApiKey> keys;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0)
      line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    ApiKey key;
    std::string fault = read_line(line, key);
    for (const ApiKey& other : keys) {
      if (other.name == key.name) fault = "repeats the name " + key.name;
      if (other.sha256 == key.sha256) fault = "repeats the key of " + other.name;
    }
    if (!fault.empty()) {
      return Error{ErrorCode::kInvalidArgument, file + ", line " + std::to_string(number) + " " +
                                                    fault +
                                                    "; `beralih key new NAME` prints such a line"};
    }
    keys.push_back(std::move(key));
  }
  if (keys.empty()) {
    return Error{
        ErrorCode::kInvalidArgument,
        file + " holds no key, so nobody could call; `beralih key new NAME` prints a line for it"};
  }
  return keys;
}

Result<std::vector<ApiKey>> read_api_keys(const std::filesystem::path& file) {
  struct stat state {};
  if (::stat(file.c_str(), &state) != 0) return unreadable(file, std::strerror(errno));
  if (!S_ISREG(state.st_mode)) return unreadable(file, "it is no file");
  if ((state.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return unreadable(
        file, "others than its owner may write to it and so let themselves in; chmod go-w it");
  }
  std::ifstream stream(file, std::ios::binary);
  std::string text(std::min<size_t>(static_cast<size_t>(state.st_size), kMostFileBytes), '\0');
  if (!stream || !stream.read(text.data(), static_cast<std::streamsize>(text.size())))
    return unreadable(file, std::strerror(errno));
  if (static_cast<size_t>(state.st_size) > kMostFileBytes)
    return unreadable(file, "it is larger than 1 MiB");
  return parse_api_keys(text, file.string());
}

const ApiKey* find_api_key(std::span<const ApiKey> keys, std::string_view text) {
  const auto hash = hash_of(text);
  const ApiKey* found = nullptr;
  for (const ApiKey& key : keys) {  // all of them, whichever fits
    if (CRYPTO_memcmp(key.sha256.data(), hash.data(), hash.size()) == 0) found = &key;
  }
  return found;
}

Result<NewApiKey> make_api_key(const std::string& name, Role role) {
  if (!is_name(name)) {
    return Error{ErrorCode::kInvalidArgument,
                 "\"" + name.substr(0, kLongestName) +
                     "\" cannot name a key; use 1 to 64 letters, digits and ._-@"};
  }
  std::array<uint8_t, kKeyBytes> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
    return Error{ErrorCode::kIo, "the system gives no random numbers"};
  NewApiKey made;
  made.key = std::string(kKeyPrefix) + to_hex(random);
  made.line = name + (role == Role::kAdmin ? ":admin:" : ":user:") + sha256_hex(made.key);
  return made;
}

}  // namespace beralih
