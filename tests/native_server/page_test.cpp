#include <catch2/catch.hpp>
#include <filesystem>
#include <numeric>

#include "beralih/sha256.h"
#include "http/base64.h"
#include "http/negotiation.h"
#include "http/origin.h"
#include "http/static_site.h"
#include "test_bundle.h"

using namespace beralih;
using beralih_test::write_file;
using Catch::Contains;

TEST_CASE("a content coding is chosen by weight, then by the server's order", "[page]") {
  const std::vector<std::string_view> both{"br", "gzip"};
  CHECK(choose_coding("", both) == "");
  CHECK(choose_coding("gzip, deflate, br", both) == "br");
  CHECK(choose_coding("GZIP", both) == "gzip");
  CHECK(choose_coding("br;q=0, gzip", both) == "gzip");
  CHECK(choose_coding("br; q=0.2 , gzip;q=0.9", both) == "gzip");
  CHECK(choose_coding("br;q=0.0, gzip;q=0", both) == "");
  CHECK(choose_coding("*", both) == "br");
  CHECK(choose_coding("*;q=0.5, br;q=0", both) == "gzip");
  CHECK(choose_coding("identity;q=1, br;q=0.5", both) == "");
  CHECK(choose_coding("identity, br", both) == "br");
  CHECK(choose_coding("br;q=x, brotli, gzippy", both) == "");
  CHECK(choose_coding("br", {"gzip"}) == "");
  CHECK(choose_coding(",;,;q=1,,", both) == "");
}

TEST_CASE("If-None-Match is a list", "[page]") {
  CHECK(matches_etag("\"a\"", "\"a\""));
  CHECK(matches_etag("\"b\" , W/\"a\"", "\"a\""));
  CHECK(matches_etag("*", "\"a\""));
  CHECK_FALSE(matches_etag("", "\"a\""));
  CHECK_FALSE(matches_etag("a", "\"a\""));
}

TEST_CASE("a range stays within the file", "[page]") {
  const auto resolve = [](long first, long last) {
    const auto range = resolve_range({first, last}, 10);
    return range ? std::make_pair(range->offset, range->length) : std::make_pair(99ul, 99ul);
  };
  const auto nothing = std::make_pair(99ul, 99ul);
  CHECK(resolve(0, 0) == std::make_pair(0ul, 1ul));
  CHECK(resolve(2, 5) == std::make_pair(2ul, 4ul));
  CHECK(resolve(2, -1) == std::make_pair(2ul, 8ul));
  CHECK(resolve(-1, 3) == std::make_pair(7ul, 3ul));
  CHECK(resolve(-1, 30) == std::make_pair(0ul, 10ul));
  CHECK(resolve(9, 0x7fffffffffffffff) == std::make_pair(9ul, 1ul));
  CHECK(resolve(10, -1) == nothing);
  CHECK(resolve(5, 4) == nothing);
  CHECK(resolve(-1, 0) == nothing);
  CHECK_FALSE(resolve_range({0, -1}, 0));
}

TEST_CASE("origins are read as a browser writes them", "[page]") {
  CHECK(*parse_origin("https://Example.ORG") == "https://example.org");
  CHECK(*parse_origin("https://example.org:443") == "https://example.org");
  CHECK(*parse_origin("http://localhost:5173") == "http://localhost:5173");
  CHECK(*parse_origin("http://[::1]:8080") == "http://[::1]:8080");
  for (const char* wrong :
       {"", "*", "null", "example.org", "https://", "https://example.org/", "ftp://example.org",
        "https://user@example.org", "https://a b", "https://a;script-src *", "https://a:0",
        "https://a:65536", "https://a:", "https://a:8x", "https://[", "https://a\r\nX: y"}) {
    INFO(wrong);
    const auto parsed = parse_origin(wrong);
    REQUIRE_FALSE(parsed);
    CHECK_THAT(parsed.error().message, Contains("not an origin") && Contains("scheme://host"));
  }
}

TEST_CASE("the policy names the listed origins and nobody else", "[page]") {
  CHECK_THAT(content_security_policy({}),
             Contains("connect-src 'self';") && Contains("frame-ancestors 'none'"));
  CHECK_THAT(content_security_policy({
                 {"https://a"},
                 {"https://b", "https://c"},
                 {"https://d"          }
  }),
             Contains("connect-src 'self' https://b https://c;") &&
                 Contains("frame-ancestors https://d") && !Contains("https://a"));
}

TEST_CASE("the policy lets a page's own scripts run, by their hash", "[page]") {
  CHECK_THAT(content_security_policy({}), Contains("script-src 'self' 'wasm-unsafe-eval';"));
  CHECK_THAT(content_security_policy({}, {"'sha256-A'", "'sha256-B'"}),
             Contains("script-src 'self' 'wasm-unsafe-eval' 'sha256-A' 'sha256-B';"));

  const beralih_test::TestBundle directory;  // a temporary directory is all that is needed of it
  const auto root = directory.path() / "site";
  std::filesystem::create_directories(root);
  write_file(root / "index.html",
             "<head><script src=\"a.js\"></script><script>alert('Hello, world.');</script>"
             "<script type=\"module\">let a = 1 < 2</script ></head>");
  write_file(root / "unfinished.html", "<script>alert('Hello, world.');");
  write_file(root / "text.txt", "<script>alert('Hello, world.');</script>");
  const auto site = StaticSite::index(root);
  REQUIRE(site);
  // The first is the example of CSP level 3, section 2.3.1; the second as openssl dgst has it.
  CHECK((*site)->find("/")->inline_scripts ==
        std::vector<std::string>{"'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='",
                                 "'sha256-gYF2tc+qsWyTSgvpNYYASEqUcuXvrs4/YAvyb9S+GQI='"});
  CHECK((*site)->find("/unfinished.html")->inline_scripts.empty());
  CHECK((*site)->find("/text.txt")->inline_scripts.empty());
}

TEST_CASE("base64 is written as it is read", "[page]") {
  const std::pair<std::string_view, std::string_view> vectors[] = {
  // RFC 4648, section 10
      {"",       ""        },
      {"f",      "Zg=="    },
      {"fo",     "Zm8="    },
      {"foo",    "Zm9v"    },
      {"foob",   "Zm9vYg=="},
      {"fooba",  "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"}
  };
  for (const auto& [bytes, text] : vectors) {
    CHECK(encode_base64({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}) == text);
    CHECK(decode_base64(text) == bytes);
  }
  std::vector<uint8_t> all(256);
  std::iota(all.begin(), all.end(), uint8_t{0});
  CHECK(decode_base64(encode_base64(all)) == std::string(all.begin(), all.end()));
}

TEST_CASE("a site is what its directory held at the start", "[page]") {
  const beralih_test::TestBundle directory;  // a temporary directory is all that is needed of it
  const auto root = directory.path() / "site";
  std::filesystem::create_directories(root / "en");
  std::filesystem::create_directories(root / "assets");
  std::filesystem::create_directories(root / ".git");
  write_file(root / "en" / "index.html", "english");
  const auto without_index = StaticSite::index(root);
  REQUIRE_FALSE(without_index);
  CHECK_THAT(without_index.error().message, Contains("index.html") && Contains("--web"));

  write_file(root / "index.html", "hello");
  write_file(root / "index.html.br", "HELLO");
  write_file(root / "alone.gz", "gz");
  write_file(root / "empty.txt", "");
  write_file(root / "assets" / "a.js", std::string((1u << 20) + 1, 'x'));
  write_file(root / ".git" / "config", "secret");
  write_file(directory.path() / "outside", "secret");
  std::filesystem::create_symlink(directory.path() / "outside", root / "link");
  std::filesystem::create_symlink(root / "en" / "index.html", root / "inner.html");
  std::filesystem::create_directory_symlink(directory.path(), root / "up");
  std::filesystem::create_symlink(root / "nowhere", root / "dangling");
  const auto site = StaticSite::index(root);
  REQUIRE(site);

  const SiteFile* page = (*site)->find("/");
  REQUIRE(page != nullptr);
  CHECK(page == (*site)->find("/index.html"));
  CHECK(page->content_type == "text/html; charset=utf-8");
  CHECK(page->identity.etag == "\"" + sha256_hex("hello") + "\"");
  CHECK_FALSE(page->immutable);
  REQUIRE(page->encoded.size() == 1);
  CHECK(page->encoded.at("br").etag == "\"" + sha256_hex("HELLO") + "\"");
  CHECK((*site)->find("/index.html.br") == nullptr);
  CHECK((*site)->find("/alone.gz") != nullptr);
  CHECK((*site)->find("/empty.txt")->identity.bytes.empty());
  CHECK((*site)->find("/assets/a.js")->immutable);
  CHECK((*site)->find("/assets/a.js")->identity.bytes.size() == (1u << 20) + 1);
  CHECK((*site)->find("/inner.html") != nullptr);
  CHECK((*site)->find("/en/") != nullptr);
  CHECK((*site)->lacks_slash("/en"));
  CHECK_FALSE((*site)->lacks_slash("/assets"));
  for (const char* path : {"", "/en", "//", "/link", "/up", "/up/outside", "/.git/config",
                           "/../outside", "/en/../index.html", "/dangling", "index.html"}) {
    INFO(path);
    CHECK((*site)->find(path) == nullptr);
  }
  CHECK((*site)->skipped().size() == 4);
  CHECK_FALSE(StaticSite::index(root / "index.html"));
  CHECK_FALSE(StaticSite::index(directory.path() / "none"));
}

TEST_CASE("the page that is compiled in is a site as well", "[page]") {
  const auto site = StaticSite::embedded();
  REQUIRE(site->find("/") != nullptr);
  CHECK(site->find("/page.js")->content_type == "text/javascript; charset=utf-8");
}
