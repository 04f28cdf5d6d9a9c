#include "beralih/contract.h"

#include <catch2/catch.hpp>

#include "beralih/sha256.h"

using namespace beralih;

namespace {

const std::string kHash(64, 'a');

std::string contract_json() {
  return R"({
  "schema": "beralih.contract/1",
  "name": "tiny", "version": "1.0.0", "description": "a test",
  "preprocessing": {
    "preset": "dlib:resnet34", "exif": "transpose", "gray16": "high_byte",
    "resize_shorter_side": 259, "resize_filter": "bilinear", "center_crop": [227, 227],
    "pad_value": [0, 0, 0], "channel_order": "RGB", "layout": "NCHW", "dtype": "float32",
    "value_range": "0..255", "image_mean": [122.782, 117.001, 104.298], "image_std": [256, 256, 256]
  },
  "input": {"name": "input", "datatype": "FP32", "shape": [-1, 3, 227, 227]},
  "output": {"name": "logits", "datatype": "FP32", "shape": [-1, 1000]},
  "files": [
    {"role": "labels", "path": "labels.txt", "bytes": 10, "sha256": ")" +
         kHash + R"("},
    {"role": "golden_image", "path": "golden/a.png", "bytes": 20, "sha256": ")" +
         kHash + R"("}
  ],
  "golden": [{"image": "golden/a.png", "tensor_sha256": ")" +
         kHash + R"(",
              "top5": [{"index": 3, "probability": 0.5}]}],
  "tolerance": {"fp32": 1e-4, "bf16": 0.03},
  "provenance": {"source": "s", "license": "CC0-1.0", "parent": "", "recipe": "r", "note": ""}
})";
}

// The contract with one piece of its text replaced.
std::string with(std::string_view from, std::string_view to) {
  std::string text = contract_json();
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a whole contract is read into types") {
  const auto contract = parse_contract(contract_json());
  REQUIRE(contract);
  CHECK(contract->name == "tiny");
  auto expected = preset("dlib:resnet34");
  REQUIRE(expected);
  CHECK(contract->preprocessing == *expected);
  CHECK(contract->input.shape == std::vector<int64_t>{-1, 3, 227, 227});
  REQUIRE(contract->file("labels") != nullptr);
  CHECK(contract->file("labels")->bytes == 10);
  CHECK(contract->file("weights") == nullptr);
  CHECK(contract->golden.at(0).top5.at(0).probability == 0.5);
  CHECK(contract->tolerance.bf16 == 0.03);
}

TEST_CASE("errors name the JSON path and what was expected") {
  struct Case {
    std::string from, to, path;
  };
  const std::vector<Case> cases{
      {"\"name\": \"tiny\"",          "\"nome\": \"tiny\"",                          "$.nome: unknown field"                                          },
      {"\"name\": \"tiny\", ",        "",                                            "$.name: missing"                                                },
      {"\"bilinear\"",                "\"linear\"",                                  "$.preprocessing.resize_filter: expected one of \"nearest\""     },
      {"\"bilinear\"",                "7",                                           "$.preprocessing.resize_filter: expected"                        },
      {"259",                         "\"259\"",                                     "$.preprocessing.resize_shorter_side: expected an integer"       },
      {"259",                         "0",                                           "$.preprocessing.resize_shorter_side: expected an integer from 1"},
      {"259",                         "259.5",                                       "$.preprocessing.resize_shorter_side: expected an integer"       },
      {"\"resize_filter\"",           "\"resize_exact\": [1, 1], \"resize_filter\"",
       "$.preprocessing.resize_exact: only one of"                                                                                                    },
      {"\"image_mean\": [122.782, ",  "\"image_mean\": [",
       "$.preprocessing.image_mean: expected three"                                                                                                   },
      {"[256, 256, 256]",             "[256, 0, 256]",                               "$.preprocessing.image_std: expected numbers above 0"            },
      {"\"value_range\"",             "\"rescale\": \"divide\", \"value_range\"",
       "$.preprocessing.rescale: does not apply"                                                                                                      },
      {"[-1, 3, 227, 227]",           "[-1, 3, 224, 224]",                           "$.input.shape: expected [-1, 3, 227, 227]"                      },
      {"\"datatype\": \"FP32\"",      "\"datatype\": \"FP64\"",                      "$.input.datatype: expected"                                     },
      {"\"labels.txt\"",              "\"../labels.txt\"",                           "$.files[0].path: expected a relative path"                      },
      {"\"labels.txt\"",              "\"/etc/passwd\"",                             "$.files[0].path: expected a relative path"                      },
      {"\"labels.txt\"",              "\"golden/a.png\"",                            "$.files[1].path: the file is listed twice"                      },
      {"\"bytes\": 10",               "\"bytes\": -1",                               "$.files[0].bytes: expected an integer"                          },
      {"\"bytes\": 10",               "\"bytes\": 18446744073709551615",             "$.files[0].bytes: expected an integer"                          },
      {"\"image\": \"golden/a.png\"", "\"image\": \"golden/b.png\"",                 "$.golden[0].image: expected"                                    },
      {"\"index\": 3",                "\"index\": true",                             "$.golden[0].top5[0].index: expected an integer"                 },
      {kHash,                         kHash.substr(1),                               "$.files[0].sha256: expected 64"                                 },
      {"beralih.contract/1",          "beralih.contract/2",                          "$.schema: this program reads"                                   },
      {"beralih.contract/1",          "beralih.contract/1x",                         "$.schema: this program reads"                                   },
      {"\"tiny\",",                   "\"tiny\"",                                    "$: not valid JSON at byte"                                      },
  };
  for (const auto& c : cases) {
    CAPTURE(c.from, c.to);
    const auto contract = parse_contract(with(c.from, c.to));
    REQUIRE_FALSE(contract);
    CHECK(contract.error().code == ErrorCode::kInvalidContract);
    CHECK_THAT(contract.error().message, Catch::Matchers::StartsWith(c.path));
  }
}

TEST_CASE("text that is no contract at all") {
  for (const std::string_view text : {"", "null", "[]", "{}", "{", "\xff\xfe", "42"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_contract(text));
  }
  CHECK_FALSE(parse_contract(std::string(100000, '[')));
}

TEST_CASE("a newer minor version may bring fields that are not known here") {
  std::string text = with("\"name\": \"tiny\"", "\"novelty\": 1, \"name\": \"tiny\"");
  CHECK_FALSE(parse_contract(text));
  text.replace(text.find("contract/1"), 10, "contract/1.3");
  CHECK(parse_contract(text));
  // Not in what decides the tensor: a knob that is ignored would make another one.
  text.replace(text.find("\"exif\""), 6, "\"gamma\": 2, \"exif\"");
  const auto knob = parse_contract(text);
  REQUIRE_FALSE(knob);
  CHECK_THAT(knob.error().message, Catch::Matchers::StartsWith("$.preprocessing.gamma: unknown"));
}

TEST_CASE("versions: this one, newer minor ones, and nothing else") {
  for (const std::string_view version : {"1", "1.0", "1.1", "1.10", "1.999999999999"}) {
    CAPTURE(version);
    CHECK(parse_contract(with("contract/1", "contract/" + std::string(version))));
  }
  for (const std::string_view version :
       {"2", "2.0", "0", "10", "1.", "1.01", "1.x", "1.-1", "1 ", ""}) {
    CAPTURE(version);
    const auto contract = parse_contract(with("contract/1", "contract/" + std::string(version)));
    REQUIRE_FALSE(contract);
    CHECK_THAT(contract.error().message,
               Catch::Matchers::StartsWith("$.schema: this program reads"));
  }
}

TEST_CASE("the preprocessing hash depends on what decides the tensor and on nothing else") {
  const auto hash = [](const std::string& json) {
    const auto contract = parse_contract(json);
    REQUIRE(contract);
    return preprocessing_hash(*contract);
  };
  const std::string base = hash(contract_json());
  CHECK(base == "4f797b028b87bd002518326f13c1651012c52f8441d9026076d7ec8fcc21ffe6");
  CHECK(hash(with("\"a test\"", "\"another\"")) == base);
  CHECK(hash(with("\"preset\": \"dlib:resnet34\", ", "")) == base);
  CHECK(hash(with("122.782", "122.7820000001")) == base);  // the same float32
  CHECK(hash(with("122.782", "122.783")) != base);
  CHECK(hash(with("bilinear", "bicubic")) != base);
  CHECK(hash(with("transpose", "ignore")) != base);
  CHECK(hash(with(kHash, std::string(64, 'b'))) != base);  // other labels
}

TEST_CASE("compare names the first field that differs") {
  const auto ours = parse_contract(contract_json());
  const auto theirs = parse_contract(with("bilinear", "bicubic"));
  REQUIRE(ours);
  REQUIRE(theirs);
  const std::string a = preprocessing_text(*ours), b = preprocessing_text(*theirs);
  CHECK_FALSE(compare_preprocessing(a, a).has_value());
  const auto difference = compare_preprocessing(a, b);
  REQUIRE(difference.has_value());
  CHECK(difference->field == "resize_filter");
  CHECK(difference->ours == "bilinear");
  CHECK(difference->theirs == "bicubic");
  const auto cut = compare_preprocessing(a, a.substr(0, a.size() - 10));
  REQUIRE(cut.has_value());
  CHECK(cut->field == "labels.sha256");
}

TEST_CASE("a spec alone is read as the contract's preprocessing is") {
  CHECK(parse_preprocess_spec(R"({"exif": "ignore", "gray16": "pillow", "pad_value": [0, 0, 0],
    "channel_order": "RGB", "layout": "NCHW", "dtype": "uint8"})"));
  const auto bad = parse_preprocess_spec(R"({"exif": "ignore"})");
  REQUIRE_FALSE(bad);
  CHECK_THAT(bad.error().message, Catch::Matchers::StartsWith("$.gray16: missing"));
}
