#include "http/request_reader.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace beralih;

namespace {

ReaderLimits limits() {
  ReaderLimits out;
  out.max_body_bytes = 100;
  return out;
}

/// Everything fed at once, and byte by byte, must come out the same.
ReceivedRequest read(const std::string& bytes) {
  RequestReader whole(limits());
  const size_t used = whole.feed(bytes);
  RequestReader split(limits());
  size_t fed = 0;
  while (fed < bytes.size() && !split.complete()) fed += split.feed(bytes.substr(fed, 1));
  REQUIRE(whole.complete());
  REQUIRE(split.complete());
  ReceivedRequest one = whole.take();
  const ReceivedRequest other = split.take();
  CHECK(one.status == other.status);
  CHECK(one.body == other.body);
  if (one.status == 0) CHECK(used == fed);
  return one;
}

const std::string kPost = "POST / HTTP/1.1\r\nHost: x\r\n";

}  // namespace

TEST_CASE("whole requests come out whole", "[request_reader]") {
  CHECK(read("GET /a HTTP/1.1\r\nHost: x\r\n\r\n").status == 0);
  CHECK(read("\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n").head ==
        "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(read(kPost + "Content-Length: 5\r\n\r\nhello").body == "hello");
  CHECK(read(kPost + "Content-Length: 0\r\n\r\n").body.empty());
  const std::string chunked = kPost + "Transfer-Encoding: Chunked\r\n\r\n";
  CHECK(read(chunked + "3\r\nabc\r\n2;ext=\"1\"\r\nde\r\n0\r\nTrailer: 1\r\n\r\n").body == "abcde");
  CHECK(read(chunked + "0\r\n\r\n").body.empty());
  CHECK_FALSE(read("GET / HTTP/1.1\r\nHost: x\r\n\r\n").close);
  CHECK(read("GET / HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n\r\n").close);
  CHECK(read("GET / HTTP/1.0\r\n\r\n").close);
  CHECK_FALSE(read("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").close);
}

TEST_CASE("what follows a request is the next one's", "[request_reader]") {
  RequestReader reader(limits());
  const std::string bytes = kPost + "Content-Length: 1\r\n\r\nxGET /b HTTP/1.1\r\nHost: x\r\n\r\n";
  const size_t used = reader.feed(bytes);
  REQUIRE(reader.complete());
  CHECK(reader.take().body == "x");
  CHECK_FALSE(reader.begun());
  CHECK(used + reader.feed(bytes.substr(used)) == bytes.size());
  REQUIRE(reader.complete());
  CHECK(reader.take().head.starts_with("GET /b"));
}

TEST_CASE("an expectation is met once, and only where the body is awaited", "[request_reader]") {
  RequestReader reader(limits());
  reader.feed(kPost + "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n");
  CHECK(reader.take_expectation());
  CHECK_FALSE(reader.take_expectation());
  reader.feed("x");
  CHECK(reader.complete());
}

TEST_CASE("what two parsers could understand differently is refused", "[request_reader]") {
  const std::string get = "GET / HTTP/1.1\r\n";
  const std::string chunked = kPost + "Transfer-Encoding: chunked\r\n";
  struct Row {
    std::string bytes;
    int status;
  };
  // clang-format off
  const std::vector<Row> rows{
      {"nonsense\r\n\r\n",                                                        400},
      {"GET  HTTP/1.1\r\nHost: x\r\n\r\n",                                        400},
      {"G(T / HTTP/1.1\r\nHost: x\r\n\r\n",                                       400},
      {"GET / a HTTP/1.1\r\nHost: x\r\n\r\n",                                     400},
      {"GET \x01 HTTP/1.1\r\nHost: x\r\n\r\n",                                    400},
      {"GET x HTTP/1.1\r\nHost: x\r\n\r\n",                                       400},
      {"GET / HTTP/2.0\r\nHost: x\r\n\r\n",                                       505},
      {"GET / HTTX/1.1\r\nHost: x\r\n\r\n",                                       400},
      {"GET / HTTP/1.1\nHost: x\n\n",                                             400},
      {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n",         414},
      {get + "Host: x\r\nA: " + std::string(40000, 'a') + "\r\n\r\n",             431},
      {get + "\r\n",                                                              400},  // no Host
      {get + "Host: x\r\nHost: y\r\n\r\n",                                        400},
      {get + "Host: x\r\nA : b\r\n\r\n",                                          400},
      {get + "Host: x\r\nA: b\r\n c\r\n\r\n",                                     400},  // folded
      {get + "Host: x\r\nA: b\rc\r\n\r\n",                                        400},
      {get + "Host: x\r\nA: b" + std::string(1, '\0') + "\r\n\r\n",               400},
      {get + "Host: x\r\n: b\r\n\r\n",                                            400},
      {kPost + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",               400},
      {kPost + "Content-Length: 3, 3\r\n\r\nabc",                                 400},
      {kPost + "Content-Length: +3\r\n\r\nabc",                                   400},
      {kPost + "Content-Length: 0x3\r\n\r\nabc",                                  400},
      {kPost + "Content-Length: -1\r\n\r\n",                                      400},
      {kPost + "Content-Length:\r\n\r\n",                                         400},
      {kPost + "Content-Length: 101\r\n\r\n",                                     413},
      {chunked + "Content-Length: 3\r\n\r\n0\r\n\r\n",                            400},
      {chunked + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",                   501},
      {kPost + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",               501},
      {kPost + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",                    501},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",          400},
      {chunked + "\r\nx\r\n",                                                     400},
      {chunked + "\r\n-1\r\n",                                                    400},
      {chunked + "\r\n0x1\r\na\r\n0\r\n\r\n",                                     400},
      {chunked + "\r\n 1\r\na\r\n0\r\n\r\n",                                      400},
      {chunked + "\r\n1\na\r\n0\r\n\r\n",                                         400},
      {chunked + "\r\n1\r\nab\r\n0\r\n\r\n",                                      400},
      {chunked + "\r\n65\r\n",                                                    413},
      {chunked + "\r\nffffffffffffffff\r\n",                                      400},
      {chunked + "\r\n1;" + std::string(300, 'a') + "\r\n",                       400},
      {kPost + "Expect: 200-ok\r\n\r\n",                                          417},
  };
  // clang-format on
  for (const Row& row : rows) {
    CAPTURE(row.bytes.substr(0, 120));
    const ReceivedRequest request = read(row.bytes);
    CHECK(request.status == row.status);
    CHECK(request.close);
    CHECK_FALSE(request.detail.empty());
  }
  std::string many = get + "Host: x\r\n";
  for (int i = 0; i < 200; ++i) many += "A: b\r\n";
  CHECK(read(many + "\r\n").status == 431);
}
