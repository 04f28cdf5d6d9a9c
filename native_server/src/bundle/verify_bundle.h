// Everything that a bundle promises, tried: hashes, golden tensors, golden probabilities.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bundle/golden_check.h"
#include "bundle/make_bundle.h"

namespace beralih {

struct VerifiedFile {
  BundleFile file;
  std::string problem;  ///< empty: as the contract says
};

struct VerifiedGolden {
  std::string image;
  GoldenOutcome outcome;
};

struct VerifyReport {
  std::string contract_hash;
  std::vector<VerifiedFile> files;
  std::vector<VerifiedGolden> golden;  ///< empty where the files or the network failed
  std::vector<std::string> unlisted;   ///< files in the directory that the contract does not name
  std::string problem;                 ///< of labels or network; empty: none
  EngineMetadata engine;
  double tolerance = 0;

  int failures() const;
  bool ok() const { return failures() == 0; }
};

/// Bytes of the files that the contract lists; 0 where it cannot be read.
int64_t listed_bytes(const std::filesystem::path& directory);

/// Goes on after a failure, so that the report is whole; the network runs only if the files are
/// right. Errors: those of read_contract(); kUnavailable (stopped by `progress`).
Result<VerifyReport> verify_bundle(const std::filesystem::path& directory,
                                   const MakeBundleEngine& make_engine,
                                   const BundleProgress& progress);

}  // namespace beralih
