#include "http/multipart.h"

#include <catch2/catch.hpp>
#include <string>

using namespace beralih;
using Catch::Contains;

namespace {

const std::string kType = "multipart/form-data; boundary=XX";

std::string part(const std::string& head, const std::string& content) {
  return "--XX\r\n" + head + "\r\n\r\n" + content + "\r\n";
}

std::string file(const std::string& name, const std::string& content) {
  return part("Content-Disposition: form-data; name=\"image\"; filename=\"" + name +
                  "\"\r\nContent-Type: image/png",
              content);
}

}  // namespace

TEST_CASE("the files of a form, in order, without a copy", "[multipart]") {
  const std::string body = file("a.png", "one\r\n--X\r\n") + file("b.png", "") + "--XX--\r\n";
  const auto parts = parse_multipart(body, kType);
  REQUIRE(parts);
  REQUIRE(parts->size() == 2);
  CHECK((*parts)[0].name == "image");
  CHECK((*parts)[0].filename == "a.png");
  CHECK((*parts)[0].content == "one\r\n--X\r\n");
  CHECK((*parts)[0].content.data() > body.data());
  CHECK((*parts)[1].content.empty());
}

TEST_CASE("the header's forms that clients write", "[multipart]") {
  const std::string body = file("a", "1") + "--XX--";
  for (const char* type :
       {"multipart/form-data; boundary=\"XX\"", "multipart/form-data;charset=utf-8;BOUNDARY=XX",
        "Multipart/Form-Data ; boundary=XX ; a=b"})
    CHECK(parse_multipart(body, type));
  const auto named = [](const std::string& disposition) {
    const std::string text = part("content-disposition:form-data; " + disposition, "1") + "--XX--";
    const auto parts = parse_multipart(text, kType);
    return parts ? parts->front().filename : parts.error().message;
  };
  CHECK(named("name=image; filename=a.png") == "a.png");
  CHECK(named("filename=\"a;\\\"b\\\".png\"; name=\"x\"") == "a;\"b\".png");
  CHECK(named("name=\"x\"; filename=\"C:\\photos\\a.png\"") == "C:\\photos\\a.png");
}

TEST_CASE("what is malformed says what and where", "[multipart]") {
  const std::string good = file("a", "1");
  const std::string disposition = "Content-Disposition: form-data; name=\"a\"; filename=\"b\"";
  struct Row {
    std::string body, type, message;
  };
  // clang-format off
  const Row rows[] = {
      {good + "--XX--",                                             "multipart/form-data",              "names no boundary"     },
      {good + "--XX--",                                             "multipart/form-data; boundary=",   "names no boundary"     },
      {good + "--XX--",                                             "multipart/form-data; boundary=\"", "names no boundary"     },
      {good + "--XX--",                                             kType + "; boundary=YY",            "names no boundary"     },
      {good + "--XX--",                                             "multipart/form-data; boundary=" + std::string(71, 'X'), "names no boundary"},
      {"",                                                          kType,                              "does not begin with --XX"},
      {"\r\n" + good + "--XX--",                                    kType,                              "does not begin with --XX"},
      {good,                                                        kType,                              "no boundary follows part 0"},
      {good + "--XX",                                               kType,                              "neither a line's end nor --"},
      {good + "--XXX\r\n",                                          kType,                              "neither a line's end nor --"},
      {good + "--XX--\r\nmore",                                     kType,                              "follows its last boundary"},
      {"--XX--\r\n",                                                kType,                              "has no part"           },
      {"--XX\r\n" + std::string(9000, 'a'),                         kType,                              "do not end within 8192"},
      {part("nonsense", "1") + "--XX--",                            kType,                              "part 0 at byte 6"      },
      {part("Content-Type: image/png", "1") + "--XX--",             kType,                              "no Content-Disposition"},
      {part("Content-Disposition: attachment; filename=a", "") + "--XX--", kType,                       "no Content-Disposition"},
      {part("Content-Disposition: form-data; filename=\"a\"", "") + "--XX--", kType,                    "has no name"           },
      {part("Content-Disposition: form-data; name=\"a", "") + "--XX--", kType,                          "cannot be read"        },
      {part("Content-Disposition: form-data; name=a; name=b", "") + "--XX--", kType,                    "cannot be read"        },
      {part("Content-Disposition: form-data; name", "") + "--XX--", kType,                              "cannot be read"        },
      {part(disposition + "\r\n" + disposition, "") + "--XX--",     kType,                              "two Content-Disposition"},
      {part(disposition + "\r\nContent-Transfer-Encoding: base64", "") + "--XX--", kType,               "base64; send the file's bytes"},
      {part("Content-Disposition: form-data; name=\"k\"", "3") + "--XX--", kType,                       "\"k\" is not a file"   },
  };
  // clang-format on
  for (const Row& row : rows) {
    const auto parts = parse_multipart(row.body, row.type);
    INFO(row.body.substr(0, 200) << " as " << row.type);
    REQUIRE_FALSE(parts);
    CHECK(parts.error().code == ErrorCode::kInvalidArgument);
    CHECK_THAT(parts.error().message, Contains(row.message));
    CHECK(parts.error().message.size() < 400);
  }
}

TEST_CASE("the number of parts is limited", "[multipart]") {
  std::string body;
  for (int i = 0; i < 64; ++i) body += file("a", "1");
  CHECK(parse_multipart(body + "--XX--", kType));
  const auto parts = parse_multipart(body + file("a", "1") + "--XX--", kType);
  REQUIRE_FALSE(parts);
  CHECK_THAT(parts.error().message, Contains("more than 64 parts"));
}
