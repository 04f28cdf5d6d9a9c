// SHA-256 (FIPS 180-4). One Sha256 object belongs to one thread at a time; the functions to any.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace beralih {

/// Incremental hash. CMake links the platform's implementation (OpenSSL natively).
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::span<const uint8_t> bytes);
  /// Call once; the object is spent afterwards.
  std::array<uint8_t, 32> digest();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::span<const uint8_t> bytes);
std::string sha256_hex(std::string_view text);

std::string to_hex(std::span<const uint8_t> bytes);

}  // namespace beralih
