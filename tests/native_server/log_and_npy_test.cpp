#include <catch2/catch.hpp>
#include <cstring>

#include "cli/npy.h"
#include "telemetry/access_log.h"
#include "telemetry/prometheus_text.h"
#include "test_bundle.h"

using namespace beralih;

TEST_CASE("an access line is one line whatever the client sent", "[log]") {
  const std::string path = "/a b\n\x1b[31m\"" + std::string(1000, 'x');
  const std::string line =
      format_access({{}, "GET", path, 404, 1.234, 0, 10, "id", {}, "not_found"});
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(line.find('\x1b') == std::string::npos);
  CHECK(line.size() < 500);
  CHECK(line.starts_with("ts=1970-01-01T00:00:00.000Z method=GET path=/a%20b%0A%1B[31m%22xxx"));
  CHECK(line.ends_with(" status=404 ms=1.23 bytes_in=0 bytes_out=10 id=id problem=not_found\n"));
  CHECK(format_access({}).ends_with(
      " method=- path=- status=0 ms=0.00 bytes_in=0 bytes_out=0 id=-\n"));
}

TEST_CASE("an access line as JSON holds nothing that needs escaping", "[log]") {
  const std::string line = format_access(
      {{}, "GET", "/a\"\\\n", 404, 1, 0, 10, "i\"d", "ab", "not_found"}, LogFormat::kJsonLines);
  CHECK(line ==
        R"({"ts":"1970-01-01T00:00:00.000Z","method":"GET","path":"/a%22%5C%0A","status":404,)"
        R"("ms":1.00,"bytes_in":0,"bytes_out":10,"id":"i%22d","trace":"ab","problem":"not_found"})"
        "\n");
}

TEST_CASE("Prometheus label values are escaped, numbers are short", "[metrics]") {
  PrometheusText text;
  text.family("m", "gauge", "Help.");
  text.sample(0.1, {
                       {"a", "x\"\\\ny"},
                       {"b", "z"       }
  });
  text.sample(3);
  CHECK(std::move(text).take() ==
        "# HELP m Help.\n# TYPE m gauge\nm{a=\"x\\\"\\\\\\ny\",b=\"z\"} 0.1\nm 3\n");
}

TEST_CASE(".npy headers are those of NumPy", "[npy]") {
  const Tensor tensor{
      {1, 3, 2, 2},
      std::vector<float>(12)
  };
  const std::string header = npy_header(tensor);
  CHECK(header.size() % 64 == 0);
  CHECK(header.substr(0, 8) == std::string("\x93NUMPY\x01\x00", 8));
  CHECK(header.substr(10, 60) == "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 2, ");
  CHECK(header.back() == '\n');
  const size_t length =
      static_cast<unsigned char>(header[8]) + 256u * static_cast<unsigned char>(header[9]);
  CHECK(length == header.size() - 10);
  CHECK(npy_header({{5}, std::vector<uint8_t>(5)})
            .find("'|u1', 'fortran_order': False, 'shape': (5,), }") != std::string::npos);
}

TEST_CASE(".npy files are whole or absent", "[npy]") {
  const beralih_test::TestBundle directory;  // a temporary directory is all that is needed of it
  const Tensor tensor{
      {1,    2    },
      std::vector<float>{1.5f, -2.0f}
  };
  const auto path = directory.path() / "t.npy";
  REQUIRE(write_npy(path, tensor));
  const std::string bytes = beralih_test::read_file(path);
  REQUIRE(bytes.size() == npy_header(tensor).size() + 8);
  float last = 0;
  std::memcpy(&last, bytes.data() + bytes.size() - 4, 4);
  CHECK(last == -2.0f);
  const auto failed = write_npy(directory.path() / "no" / "such" / "t.npy", tensor);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == ErrorCode::kIo);
}
