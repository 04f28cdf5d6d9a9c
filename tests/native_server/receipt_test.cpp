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
