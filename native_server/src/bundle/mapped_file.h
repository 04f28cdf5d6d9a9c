// A file's bytes, mapped read-only and shared: processes that map the same file share its pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "beralih/result.h"

namespace beralih {

class MappedFile {
 public:
  /// Regular files only. Errors: kIo.
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// Valid while this object lives.
  std::span<const uint8_t> bytes() const { return {static_cast<const uint8_t*>(base_), size_}; }

 private:
  MappedFile(void* base, size_t size) : base_(base), size_(size) {}

  void* base_;  ///< nullptr for an empty file
  size_t size_;
};

}  // namespace beralih
