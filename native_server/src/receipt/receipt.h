// What a prediction depended on ("beralih.receipt/1", as the page writes it), and its comparison
// with a prediction computed again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "beralih/result.h"

namespace beralih {

struct ReceiptPrediction {
  int index = 0;
  std::string label;
  double probability = 0;
};

/// What, beside the input, decides the bits of the logits.
struct ReceiptEngine {
  std::string library;  ///< "libtorch 1.13.0"
  std::string device;   ///< "cpu"
  std::string variant;  ///< "mapped", "packed", "winograd"
  std::string dtype;    ///< "fp32", "bf16"
  int threads = 0;
  int batch_rows = 0;  ///< of the batch that it was computed in, padding included
  std::string cpu;     ///< the processor and its instruction sets
};

/// One side's computation: the page's or the server's. Empty texts: not stated.
struct ReceiptSide {
  std::string name;     ///< "page", "server"; "answer" for what /api/classify returned
  std::string device;   ///< "cpu float32, threads 2"
  std::string library;  ///< "libtorch 1.13.0"
  std::optional<ReceiptEngine> engine;  ///< older receipts do not have it
  std::string tensor_sha256;
  std::string logits_sha256;
  std::vector<ReceiptPrediction> predictions;
};

struct Receipt {
  std::string model_name;
  std::string model_version;
  std::string contract_hash;
  std::string preprocessing_hash;
  std::string image_sha256;
  std::string image_format;
  int64_t image_bytes = -1;
  int64_t width = -1;
  int64_t height = -1;
  std::string image_name;  ///< of the file, as the page knew it; may be empty
  std::string tensor_datatype;
  std::vector<int64_t> tensor_shape;
  std::vector<ReceiptSide> sides;  ///< at least one
};

/// A receipt, or an answer of POST /api/classify. Errors: kInvalidArgument, which name what is
/// missing.
Result<Receipt> parse_receipt(std::string_view json);

enum class Agreement {
  kSame,
  kExplained,  ///< logits bits that another engine, device or library may round differently
  kDiffers,
};

struct ReceiptRow {
  std::string field;
  Agreement agreement = Agreement::kSame;
  std::string note;  ///< where it differs, or why that is explained
};

/// How far probabilities may lie apart.
struct ReceiptTolerance {
  double server = 0;
  double page = 0;  ///< whose network has smaller weights
};

/// Why the same input may give other bits of logits there and here: what of the two computations
/// differs, one after the other. Empty: the same bits are to be expected.
std::string differing_computation(const ReceiptSide& theirs, const ReceiptSide& ours);

/// `ours` has exactly one side.
std::vector<ReceiptRow> compare_receipts(const Receipt& theirs, const Receipt& ours,
                                         const ReceiptTolerance& tolerance);

}  // namespace beralih
