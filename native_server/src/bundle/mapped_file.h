// A file's bytes, mapped read-only and shared: processes that map the same file share its pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "beralih/result.h"

namespace beralih {

/// What tells one state of a file from another without reading it (stat(2)).
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t modified_ns = 0;  ///< of the content; a program may set it to anything
  int64_t changed_ns = 0;   ///< of the content, name or owner; only the kernel sets it

  bool operator==(const FileIdentity&) const = default;
};

class MappedFile {
 public:
  /// Regular files only. Errors: kIo.
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// Valid while this object lives.
  std::span<const uint8_t> bytes() const { return {static_cast<const uint8_t*>(base_), size_}; }
  /// Takes the pages out of this process's resident memory; who reads them again gets them again.
  void release_pages() const;
  /// As it was when the file was mapped.
  const FileIdentity& identity() const { return identity_; }

 private:
  MappedFile(void* base, size_t size, const FileIdentity& identity)
      : base_(base), size_(size), identity_(identity) {}

  void* base_;  ///< nullptr for an empty file
  size_t size_;
  FileIdentity identity_;
};

/// A mapped page that cannot be read any more (the file was cut short, its disk failed) ends the
/// process with SIGBUS. From this call on it first says on stderr what happened.
void explain_lost_mappings();

}  // namespace beralih
