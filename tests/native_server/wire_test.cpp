#include "http/wire.h"

#include <catch2/catch.hpp>

using namespace beralih;

TEST_CASE("k is a whole number from 1 to the number of classes", "[wire]") {
  CHECK(*parse_top_k("1", 1000) == 1);
  CHECK(*parse_top_k("1000", 1000) == 1000);
  for (const char* text :
       {"", "0", "-1", "1001", "5x", " 5", "+5", "5.0", "99999999999999999999999"}) {
    const auto k = parse_top_k(text, 1000);
    REQUIRE_FALSE(k);
    CHECK(k.error().code == ErrorCode::kInvalidArgument);
  }
}

TEST_CASE("request ids are passed on if harmless and made otherwise", "[wire]") {
  CHECK(accept_request_id("abc-123") == "abc-123");
  for (const std::string& bad : {std::string(), std::string("two words"),
                                 std::string("line\nbreak"), std::string(129, 'a')}) {
    const std::string id = accept_request_id(bad);
    CHECK(id.size() == 32);
    CHECK(id != bad);
  }
  CHECK(make_request_id() != make_request_id());
}

TEST_CASE("Server-Timing names every stage", "[wire]") {
  StageTimings timings;
  timings.decode_ms = 1.5;
  timings.total_ms = 62.25;
  CHECK(server_timing(timings) ==
        "decode;dur=1.500, resize;dur=0.000, normalize;dur=0.000, queue;dur=0.000, "
        "inference;dur=0.000, "
        "postprocess;dur=0.000, total;dur=62.250");
}
