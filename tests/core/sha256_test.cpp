#include "beralih/sha256.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace beralih;

TEST_CASE("SHA-256 of the FIPS 180-4 examples") {
  CHECK(sha256_hex(std::string_view("")) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex(std::string_view("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex(std::string_view("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_hex(std::string(1000000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("SHA-256 does not depend on how the input is cut") {
  std::vector<uint8_t> bytes(300);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7);
  const std::string whole = sha256_hex(bytes);
  for (size_t cut = 0; cut <= bytes.size(); cut += 13) {
    Sha256 hash;
    hash.update(std::span(bytes).first(cut));
    hash.update(std::span(bytes).subspan(cut));
    CHECK(to_hex(hash.digest()) == whole);
  }
}
