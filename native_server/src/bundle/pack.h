// A bundle as one file: a POSIX tar (ustar, pax where a size needs it) with a fixed order, no times
// and no owners, so that the same bundle makes the same bytes.
#pragma once

#include <filesystem>
#include <string>

#include "beralih/result.h"
#include "bundle/bundle.h"
#include "bundle/byte_progress.h"
#include "bundle/file_writer.h"

namespace beralih {

/// Checks every file of the bundle, then writes the archive under a temporary name and renames it.
/// Progress counts the bytes checked and the bytes written. Errors: kIo, kInvalidBundle.
Result<WrittenFile> pack_bundle(const std::filesystem::path& bundle,
                                const std::filesystem::path& archive, const ByteProgress& progress);

/// Unpacks into an empty directory. Taken is exactly what pack_bundle() writes: contract.json,
/// contract.sha256 and the files that the contract names, regular files, each with its size and
/// SHA-256. Errors: kIo, kInvalidContract, kInvalidBundle.
Result<VerifiedContract> unpack_bundle(const std::filesystem::path& archive,
                                       const std::filesystem::path& directory,
                                       const ByteProgress& progress);

}  // namespace beralih
