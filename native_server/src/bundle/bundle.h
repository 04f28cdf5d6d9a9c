// A bundle on disk: contract.json and the files that it names, each checked before use.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "beralih/contract.h"
#include "beralih/result.h"
#include "bundle/file_check.h"
#include "bundle/mapped_file.h"

namespace beralih {

/// contract.json, checked against contract.sha256 and parsed; nothing else of the bundle is read.
struct VerifiedContract {
  std::string json;           ///< the bytes as stored
  std::string contract_hash;  ///< their SHA-256
  std::string preprocessing_text;
  std::string preprocessing_hash;
  Contract contract;
};

/// A whole bundle whose every file has the size and SHA-256 that the contract names. The files stay
/// mapped, so that what was checked is what is used.
struct Bundle {
  std::filesystem::path directory;
  VerifiedContract identity;
  std::vector<std::string> labels;  ///< index order, as many as the output has classes
  std::map<std::string, std::shared_ptr<const MappedFile>, std::less<>>
      files;                ///< by path in the contract
  size_t hashed_files = 0;  ///< the others' hashes were known, or not asked for

  const Contract& contract() const { return identity.contract; }
  /// The first file of that role; nullptr if there is none.
  std::shared_ptr<const MappedFile> file(std::string_view role) const;
};

/// Errors (of all): kIo, kInvalidContract, kInvalidBundle; they name the file and what to do.
Result<VerifiedContract> read_contract(const std::filesystem::path& directory);
Result<Bundle> open_bundle(const std::filesystem::path& directory, const OpenOptions& options = {});

/// One label a line; `path` is for the messages.
Result<std::vector<std::string>> parse_labels(const std::filesystem::path& path,
                                              std::string_view text);

/// The text of a small file, e.g. of labels or a specification.
Result<std::string> read_text(const std::filesystem::path& path);

}  // namespace beralih
