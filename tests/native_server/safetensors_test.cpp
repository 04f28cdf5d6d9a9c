#include "bundle/safetensors.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <vector>

using beralih::parse_safetensors;
using Catch::Contains;

namespace {

std::vector<uint8_t> make(std::string header, size_t data_bytes) {
  while (header.size() % 8 != 0) header += ' ';
  std::string file;
  for (size_t i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> (8 * i));
  file += header;
  for (size_t i = 0; i < data_bytes; ++i) file += static_cast<char>(i);
  return {file.begin(), file.end()};
}

std::string refusal(const std::vector<uint8_t>& file) {
  const auto parsed = parse_safetensors(file, "w.safetensors");
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code == beralih::ErrorCode::kInvalidBundle);
  CHECK_THAT(parsed.error().message, Contains("w.safetensors"));
  return parsed.error().message;
}

}  // namespace

TEST_CASE("tensors come in the order of their data", "[safetensors]") {
  const auto file = make(R"({"__metadata__":{"a":"b"},
    "b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
    "a":{"dtype":"U8","shape":[],"data_offsets":[8,9]}})",
                         9);
  const auto parsed = parse_safetensors(file, "w");
  REQUIRE(parsed);
  REQUIRE(parsed->size() == 2);
  CHECK((*parsed)[0].name == "b");
  CHECK((*parsed)[0].shape == std::vector<int64_t>{2});
  CHECK((*parsed)[0].bytes.size() == 8);
  CHECK((*parsed)[0].bytes[1] == 1);
  CHECK((*parsed)[1].name == "a");
  CHECK((*parsed)[1].bytes[0] == 8);
}

TEST_CASE("an empty tensor takes no room", "[safetensors]") {
  CHECK(parse_safetensors(make(R"({"e":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]},
                                   "f":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                               4),
                          "w"));
}

TEST_CASE("header lengths that do not fit are refused", "[safetensors]") {
  CHECK_THAT(refusal({}), Contains("shorter"));
  CHECK_THAT(refusal({1, 2, 3}), Contains("shorter"));
  CHECK_THAT(refusal({255, 255, 255, 255, 255, 255, 255, 255}), Contains("header length"));
  CHECK_THAT(refusal({9, 0, 0, 0, 0, 0, 0, 0, '{', '}'}), Contains("header length"));
}

TEST_CASE("headers that are not JSON objects are refused", "[safetensors]") {
  CHECK_THAT(refusal(make("[1]", 0)), Contains("JSON"));
  CHECK_THAT(refusal(make("{\"a\":", 0)), Contains("JSON"));
  CHECK_THAT(refusal(make("{\"a\":3}", 0)), Contains("not an object"));
  CHECK_THAT(refusal(make("{\"a\":{}}", 0)), Contains("lacks"));
  CHECK_THAT(refusal(make(std::string(100'000, '['), 0)), Contains("JSON"));
  CHECK_THAT(refusal(make(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
                              "a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                          1)),
             Contains("twice"));
}

TEST_CASE("numbers that do not add up are refused", "[safetensors]") {
  const auto one = [](const std::string& dtype, const std::string& shape,
                      const std::string& offsets, size_t bytes) {
    return refusal(make("{\"t\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
                            ",\"data_offsets\":" + offsets + "}}",
                        bytes));
  };
  CHECK_THAT(one("F31", "[1]", "[0,4]", 4), Contains("dtype"));
  CHECK_THAT(one("F32", "[2]", "[0,4]", 4), Contains("need 8 bytes"));
  CHECK_THAT(one("F32", "[1]", "[0,8]", 4), Contains("outside"));
  CHECK_THAT(one("F32", "[1]", "[4,0]", 4), Contains("outside"));
  CHECK_THAT(one("F32", "[1]", "[0]", 4), Contains("two whole numbers"));
  CHECK_THAT(one("F32", "[1]", "[-4,0]", 4), Contains("two whole numbers"));
  CHECK_THAT(one("F32", "[1]", "[0.0,4.0]", 4), Contains("two whole numbers"));
  CHECK_THAT(one("F32", "[-1]", "[0,4]", 4), Contains("dimension"));
  CHECK_THAT(one("F32", "[1.5]", "[0,4]", 4), Contains("dimension"));
  CHECK_THAT(one("F32", "[4294967296,4294967296]", "[0,0]", 4), Contains("overflows"));
  CHECK_THAT(one("F32", "[4611686018427387904,4]", "[0,0]", 4), Contains("overflows"));
  CHECK_THAT(one("F32", "[18446744073709551615]", "[0,4]", 4), Contains("overflows"));
  CHECK_THAT(one("F32", "[1]", "[0,18446744073709551615]", 4), Contains("outside"));
  CHECK_THAT(one("U8", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,1]", 1), Contains("dimensions"));
}

TEST_CASE("data must be covered once, without holes, and aligned", "[safetensors]") {
  const auto two = [](const std::string& first, const std::string& second, size_t bytes) {
    return refusal(make("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" + first +
                            "},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" + second +
                            "}}",
                        bytes));
  };
  CHECK_THAT(two("[0,4]", "[2,6]", 8), Contains("overlaps"));
  CHECK_THAT(two("[0,4]", "[0,4]", 4), Contains("overlaps"));
  CHECK_THAT(two("[0,4]", "[5,9]", 9), Contains("hole"));
  CHECK_THAT(two("[0,4]", "[4,8]", 9), Contains("behind the last"));
  CHECK_THAT(refusal(make(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
                              "b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
                          5)),
             Contains("aligned"));
}
