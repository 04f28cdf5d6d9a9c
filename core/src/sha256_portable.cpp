// SHA-256 in plain C++ (FIPS 180-4), for targets without OpenSSL.
#include <algorithm>
#include <bit>
#include <cstddef>

#include "beralih/sha256.h"

namespace beralih {

namespace {

constexpr size_t kBlockBytes = 64;
constexpr size_t kLengthBytes = 8;  // the message's length in bits ends the last block
constexpr size_t kRounds = 64;

// FIPS 180-4, 4.2.2: the fractional parts of the cube roots of the first 64 primes.
constexpr std::array<uint32_t, kRounds> kRoundConstants{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// 5.3.3: the fractional parts of the square roots of the first 8 primes.
constexpr std::array<uint32_t, 8> kInitialHash{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

uint32_t load_big_endian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

void store_big_endian(uint32_t word, uint8_t* bytes) {
  for (int i = 0; i < 4; ++i) bytes[i] = static_cast<uint8_t>(word >> (24 - 8 * i));
}

// 4.1.2
uint32_t choose(uint32_t x, uint32_t y, uint32_t z) { return (x & y) ^ (~x & z); }
uint32_t majority(uint32_t x, uint32_t y, uint32_t z) { return (x & y) ^ (x & z) ^ (y & z); }
uint32_t big_sigma_0(uint32_t x) { return std::rotr(x, 2) ^ std::rotr(x, 13) ^ std::rotr(x, 22); }
uint32_t big_sigma_1(uint32_t x) { return std::rotr(x, 6) ^ std::rotr(x, 11) ^ std::rotr(x, 25); }
uint32_t small_sigma_0(uint32_t x) { return std::rotr(x, 7) ^ std::rotr(x, 18) ^ x >> 3; }
uint32_t small_sigma_1(uint32_t x) { return std::rotr(x, 17) ^ std::rotr(x, 19) ^ x >> 10; }

// 6.2.2
void compress(std::array<uint32_t, 8>& hash, const uint8_t* block) {
  std::array<uint32_t, kRounds> schedule;
  for (size_t t = 0; t < 16; ++t) schedule[t] = load_big_endian(block + 4 * t);
  for (size_t t = 16; t < kRounds; ++t) {
    schedule[t] = small_sigma_1(schedule[t - 2]) + schedule[t - 7] +
                  small_sigma_0(schedule[t - 15]) + schedule[t - 16];
  }
  auto [a, b, c, d, e, f, g, h] = hash;
  for (size_t t = 0; t < kRounds; ++t) {
    const uint32_t t1 = h + big_sigma_1(e) + choose(e, f, g) + kRoundConstants[t] + schedule[t];
    const uint32_t t2 = big_sigma_0(a) + majority(a, b, c);
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  const std::array<uint32_t, 8> working{a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < hash.size(); ++i) hash[i] += working[i];
}

}  // namespace

struct Sha256::State {
  std::array<uint32_t, 8> hash = kInitialHash;
  std::array<uint8_t, kBlockBytes> pending{};  // the bytes after the last whole block
  size_t pending_bytes = 0;
  uint64_t total_bytes = 0;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;

void Sha256::update(std::span<const uint8_t> bytes) {
  State& s = *state_;
  s.total_bytes += bytes.size();
  if (s.pending_bytes > 0) {
    const size_t taken = std::min(bytes.size(), kBlockBytes - s.pending_bytes);
    std::copy_n(bytes.data(), taken, s.pending.data() + s.pending_bytes);
    s.pending_bytes += taken;
    bytes = bytes.subspan(taken);
    if (s.pending_bytes < kBlockBytes) return;
    compress(s.hash, s.pending.data());
    s.pending_bytes = 0;
  }
  for (; bytes.size() >= kBlockBytes; bytes = bytes.subspan(kBlockBytes)) {
    compress(s.hash, bytes.data());
  }
  std::copy_n(bytes.data(), bytes.size(), s.pending.data());
  s.pending_bytes = bytes.size();
}

std::array<uint8_t, 32> Sha256::digest() {
  State& s = *state_;
  // 5.1.1: a 1 bit, zeros, and the length, up to the end of a block.
  const uint64_t total_bits = s.total_bytes * 8;
  const size_t blocks = s.pending_bytes + 1 + kLengthBytes > kBlockBytes ? 2 : 1;
  std::array<uint8_t, 2 * kBlockBytes> tail{};
  std::copy_n(s.pending.data(), s.pending_bytes, tail.data());
  tail[s.pending_bytes] = 0x80;
  uint8_t* length = tail.data() + blocks * kBlockBytes - kLengthBytes;
  store_big_endian(static_cast<uint32_t>(total_bits >> 32), length);
  store_big_endian(static_cast<uint32_t>(total_bits), length + 4);
  for (size_t i = 0; i < blocks; ++i) compress(s.hash, tail.data() + i * kBlockBytes);

  std::array<uint8_t, 32> result{};
  for (size_t i = 0; i < s.hash.size(); ++i) store_big_endian(s.hash[i], result.data() + 4 * i);
  return result;
}

}  // namespace beralih
