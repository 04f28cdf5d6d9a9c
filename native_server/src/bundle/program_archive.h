// What a TorchScript file may hold. It is a zip archive that a library unpacks and whose code it
// runs: everything that a classifier does not need is refused before the library sees it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "beralih/result.h"

namespace beralih {

struct ArchiveEntry {
  std::string name;  ///< e.g. "model/code/__torch__.py"
  bool deflated = false;
  uint64_t bytes = 0;             ///< unpacked
  std::span<const uint8_t> data;  ///< as stored in the archive
};

/// The entries in the order of the archive's directory. Refused: entries that are no files, names
/// that leave the archive or stand twice, data that overlaps or lies outside, encryption, sizes
/// that no classifier needs. `file_name` is for the messages. Errors (of both): kInvalidBundle.
Result<std::vector<ArchiveEntry>> read_archive(std::span<const uint8_t> file,
                                               std::string_view file_name);

/// read_archive(), and only the entries that TorchScript writes (program, constants, tensors), with
/// code that opens no files.
Status check_program_archive(std::span<const uint8_t> file, std::string_view file_name);

}  // namespace beralih
