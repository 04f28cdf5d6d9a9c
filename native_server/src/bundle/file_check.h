// Whether the files that a contract names lie in the bundle, whole and unaltered.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "beralih/contract.h"
#include "beralih/result.h"
#include "bundle/byte_progress.h"
#include "bundle/mapped_file.h"

namespace beralih {

enum class VerifyMode {
  kAlways,  ///< hash every file
  kCached,  ///< hash the files that the cache does not know in their present state
  kNever,   ///< look at the sizes only
};

struct OpenOptions {
  VerifyMode verify = VerifyMode::kAlways;
  std::filesystem::path cache_directory;  ///< of kCached; empty: default_cache_directory()
  ByteProgress progress;                  ///< bytes hashed
};

struct FileOutcome {
  std::shared_ptr<const MappedFile> mapped;  ///< nullptr where the file cannot be mapped
  std::optional<Error> error;                ///< empty: as the contract says
  bool hashed = false;                       ///< false: the cache knew it, or nobody asked
};

/// The SHA-256 as hexadecimal digits. Errors: kUnavailable, where `progress` asked to stop.
Result<std::string> hash_bytes(std::span<const uint8_t> bytes, const ByteProgress& progress);

/// One outcome for each file, in the contract's order; several files are hashed at a time. `root`
/// is canonical. A path or a symbolic link that leaves it is an error of that file.
std::vector<FileOutcome> check_files(const std::filesystem::path& root,
                                     const std::vector<BundleFile>& files,
                                     const OpenOptions& options);

}  // namespace beralih
