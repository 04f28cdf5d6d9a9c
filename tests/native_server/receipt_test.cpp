#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "receipt/receipt.h"

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;

Json page_receipt() {
  const Json predictions = Json::array({
      {{"index", 1}, {"label", "dog"}, {"probability", 0.8}}
  });
  return {
      {"schema",             "beralih.receipt/1"                                       },
      {"created",            "2026-01-01T00:00:00.000Z"                                },
      {"model",              {{"name", "m"}, {"version", "1"}}                         },
      {"contract_hash",      "c"                                                       },
      {"preprocessing_hash", "p"                                                       },
      {"input",
       {{"name", "dog.jpg"},
        {"format", "jpeg"},
        {"width", 3},
        {"height", 2},
        {"bytes", 9},
        {"sha256", "i"}}                                                               },
      {"tensor",             {{"datatype", "FP32"}, {"shape", {1, 3}}, {"sha256", "t"}}},
      {"page",
       {{"device", "wasm"},
        {"versions", {{"core", "1"}, {"onnxruntime_web", "2"}}},
        {"tensor_sha256", "t"},
        {"logits_sha256", "edge"},
        {"predictions", predictions}}                                                  },
      {"server",
       {{"device", "cpu fp32, threads 2"},
        {"versions", {{"libtorch", "1.13"}}},
        {"tensor_sha256", "t"},
        {"logits_sha256", "l"},
        {"predictions", predictions}}                                                  }
  };
}

Receipt ours() {
  Receipt receipt = *parse_receipt(page_receipt().dump());
  receipt.sides.resize(1);
  return receipt;
}

Agreement agreement(const std::vector<ReceiptRow>& rows, const std::string& field) {
  for (const ReceiptRow& row : rows)
    if (row.field == field) return row.agreement;
  FAIL("no row " << field);
  return Agreement::kDiffers;
}

std::vector<ReceiptRow> compare(const Json& theirs) {
  return compare_receipts(*parse_receipt(theirs.dump()), ours(), {1e-4, 0.05});
}

TEST_CASE("an equal receipt is the same; the page's logits come from another library") {
  for (const ReceiptRow& row : compare(page_receipt()))
    CHECK(row.agreement ==
          (row.field == "page: logits sha256" ? Agreement::kExplained : Agreement::kSame));
}

TEST_CASE("each changed field is found") {
  const std::vector<std::pair<std::string, std::string>> changes{
      {"/contract_hash",        "contract_hash"        },
      {"/preprocessing_hash",   "preprocessing_hash"   },
      {"/model/version",        "model"                },
      {"/input/sha256",         "image sha256"         },
      {"/input/format",         "image"                },
      {"/tensor/datatype",      "tensor"               },
      {"/server/tensor_sha256", "server: tensor sha256"},
      {"/server/logits_sha256", "server: logits sha256"}
  };
  for (const auto& [path, field] : changes) {
    Json changed = page_receipt();
    changed[Json::json_pointer(path)] = "other";
    CHECK(agreement(compare(changed), field) == Agreement::kDiffers);
  }
}

TEST_CASE("probabilities by the side's tolerance, labels exactly") {
  Json changed = page_receipt();
  changed["page"]["predictions"][0]["probability"] = 0.84;
  changed["server"]["predictions"][0]["probability"] = 0.80005;
  CHECK(agreement(compare(changed), "page: predictions") == Agreement::kSame);
  CHECK(agreement(compare(changed), "server: predictions") == Agreement::kSame);
  changed["server"]["predictions"][0]["probability"] = 0.8002;
  CHECK(agreement(compare(changed), "server: predictions") == Agreement::kDiffers);
  changed = page_receipt();
  changed["server"]["predictions"][0]["label"] = "cat";
  CHECK(agreement(compare(changed), "server: predictions") == Agreement::kDiffers);
  changed["server"]["predictions"][0]["index"] = 7;
  CHECK(agreement(compare(changed), "server: predictions") == Agreement::kDiffers);
}

TEST_CASE("another device explains other logits only while the probabilities agree") {
  Json changed = page_receipt();
  changed["server"]["device"] = "cuda:0 fp32, threads 1";
  changed["server"]["logits_sha256"] = "other";
  CHECK(agreement(compare(changed), "server: logits sha256") == Agreement::kExplained);
  changed["server"]["predictions"][0]["probability"] = 0.5;
  CHECK(agreement(compare(changed), "server: logits sha256") == Agreement::kDiffers);
}

Json stated_engine() {
  return {
      {"library",    "libtorch 1.13"},
      {"variant",    "mapped"       },
      {"dtype",      "fp32"         },
      {"threads",    2              },
      {"batch_size", 1              },
      {"batch_rows", 1              },
      {"cpu",        "a (avx2)"     }
  };
}

ReceiptRow logits_row(const Json& theirs, const Json& mine) {
  Receipt own = *parse_receipt(mine.dump());
  own.sides.resize(1);  // the server's
  for (const ReceiptRow& row : compare_receipts(*parse_receipt(theirs.dump()), own, {1e-4, 0.05}))
    if (row.field == "server: logits sha256") return row;
  FAIL("no row");
  return {};
}

TEST_CASE("a receipt that states its engine says whether the same bits are to be expected") {
  Json theirs = page_receipt();
  theirs["server"]["engine"] = stated_engine();
  const Json mine = theirs;
  CHECK(logits_row(theirs, mine).agreement == Agreement::kSame);
  CHECK(logits_row(theirs, mine).note.find("as expected") == 0);
  // Computed in the same way, other bits are a difference even while the probabilities agree.
  theirs["server"]["logits_sha256"] = "other";
  CHECK(logits_row(theirs, mine).agreement == Agreement::kDiffers);
  CHECK(logits_row(theirs, mine).note.find("were to be expected") != std::string::npos);
  const std::vector<std::pair<std::string, Json>> changes{
      {"library",    "libtorch 2"},
      {"variant",    "packed"    },
      {"dtype",      "bf16"      },
      {"threads",    4           },
      {"batch_rows", 8           },
      {"cpu",        "b (avx512)"}
  };
  for (const auto& [member, value] : changes) {
    Json changed = theirs;
    changed["server"]["engine"][member] = value;
    const ReceiptRow row = logits_row(changed, mine);
    CHECK(row.agreement == Agreement::kExplained);
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    CHECK(row.note.find(text + ", here ") != std::string::npos);
    changed["server"]["logits_sha256"] = "l";
    CHECK(logits_row(changed, mine).agreement == Agreement::kSame);
    CHECK(logits_row(changed, mine).note.find("although") == 0);
  }
  theirs["server"]["engine"].erase("cpu");
  CHECK_FALSE(parse_receipt(theirs.dump()));
}

TEST_CASE("what is no receipt") {
  for (const char* wrong : {"", "[]", "{}", "{\"schema\":\"beralih.receipt/2\"}", "{\"schema\":7}"})
    CHECK_FALSE(parse_receipt(wrong));
  Json neither = page_receipt();
  neither["page"] = neither["server"] = nullptr;
  CHECK_FALSE(parse_receipt(neither.dump()));
  Json wrong = page_receipt();
  wrong["server"]["versions"] = {
      {"libtorch", 7}
  };
  CHECK_FALSE(parse_receipt(wrong.dump()));
}

}  // namespace
}  // namespace beralih
