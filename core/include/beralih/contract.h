// contract.json: what couples preprocessing, architecture, weights and labels
// ("beralih.contract/1").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "beralih/preprocess_spec.h"
#include "beralih/result.h"

namespace beralih {

struct TensorMetadata {
  std::string name;
  std::string datatype;        ///< Open Inference Protocol name: "FP32", "UINT8"
  std::vector<int64_t> shape;  ///< -1 for a free dimension
};

struct BundleFile {
  std::string role;  ///< "labels", "architecture", "weights", "edge_model", "golden_image", "model"
  std::string path;  ///< relative to the bundle, '/' separated, never leaving it
  int64_t bytes = 0;
  std::string sha256;  ///< 64 lower-case hexadecimal digits
};

struct GoldenProbability {
  int index = 0;
  double probability = 0;
};

/// A picture whose tensor is known exactly and whose probabilities are known within the tolerance.
struct GoldenCase {
  std::string image;          ///< a BundleFile's path
  std::string tensor_sha256;  ///< of the tensor's little-endian bytes
  std::vector<GoldenProbability> top5;
};

struct Tolerance {
  double fp32 = 0;  ///< largest |probability difference| on a device that computes in float32
  double bf16 = 0;
};

struct EdgeAgreement {
  int images = 0;
  int top1_equal = 0;
  double mean_abs_probability_difference = 0;
  double max_abs_probability_difference = 0;
  std::string method;
};

struct Provenance {
  std::string source;
  std::string license;  ///< SPDX expression
  std::string parent;   ///< name of the bundle that this one was made from; may be empty
  std::string recipe;
  std::string note;
};

struct Contract {
  std::string name;
  std::string version;
  std::string description;
  PreprocessSpec preprocessing;
  TensorMetadata input;
  TensorMetadata output;
  std::vector<BundleFile> files;
  std::vector<GoldenCase> golden;
  Tolerance tolerance;
  std::optional<EdgeAgreement> edge_agreement;
  Provenance provenance;

  /// The first file of that role; nullptr if there is none. Points into `files`.
  const BundleFile* file(std::string_view role) const;
};

/// `json` is contract.json's bytes (UTF-8). Thread-safe. Errors: kInvalidContract. Unknown fields
/// are refused; errors name the JSON path, what was expected and what stood there.
/// A "beralih.contract/1.N" with a newer minor loads (unknown fields allowed there); another major
/// is refused.
Result<Contract> parse_contract(std::string_view json);

/// The "preprocessing" object alone, as in a --spec file. Errors: kInvalidContract.
Result<PreprocessSpec> parse_preprocess_spec(std::string_view json);

/// The fixed-order text of everything that decides the input tensor and its meaning; one
/// "name=value" a line, numbers as the hexadecimal digits of their float32.
std::string preprocessing_text(const Contract& contract);

/// SHA-256 of preprocessing_text: what travels in the Beralih-Contract header.
std::string preprocessing_hash(const Contract& contract);

struct FieldDifference {
  std::string field;
  std::string ours;
  std::string theirs;
};

/// The first line in which two preprocessing texts differ; nullopt if they are equal.
std::optional<FieldDifference> compare_preprocessing(std::string_view ours,
                                                     std::string_view theirs);

}  // namespace beralih
