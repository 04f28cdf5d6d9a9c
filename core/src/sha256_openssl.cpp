// Native SHA-256: OpenSSL's, which uses the processor's SHA instructions.
#include <openssl/evp.h>

#include <cstdlib>

#include "beralih/sha256.h"

namespace beralih {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  // Fails only where memory is exhausted; a hash must never be silently wrong.
  if (state_->context == nullptr ||
      EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) != 1) {
    std::abort();
  }
}
Sha256::~Sha256() = default;

void Sha256::update(std::span<const uint8_t> bytes) {
  if (EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) != 1) std::abort();
}

std::array<uint8_t, 32> Sha256::digest() {
  std::array<uint8_t, 32> result{};
  if (EVP_DigestFinal_ex(state_->context, result.data(), nullptr) != 1) std::abort();
  return result;
}

}  // namespace beralih
