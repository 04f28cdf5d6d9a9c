// Writing files that will be read by hash: the SHA-256 is computed on the way, fsync at the end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "beralih/result.h"
#include "beralih/sha256.h"
#include "bundle/byte_progress.h"

namespace beralih {

struct WrittenFile {
  int64_t bytes = 0;
  std::string sha256;
};

/// Errors (of all): kIo; the message names the file.
class FileWriter {
 public:
  /// A new file; one that exists is an error.
  static Result<std::unique_ptr<FileWriter>> create(const std::filesystem::path& path);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  Status write(std::span<const uint8_t> bytes);
  /// After it the bytes are on the disk. Call once.
  Result<WrittenFile> finish();

 private:
  FileWriter(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::filesystem::path path_;
  int fd_;
  int64_t bytes_ = 0;
  Sha256 hash_;
};

Result<WrittenFile> write_file(const std::filesystem::path& path, std::string_view text);

/// Reads instead of mapping: a source that is cut short meanwhile is an error, not a signal.
Result<WrittenFile> copy_file(const std::filesystem::path& from, const std::filesystem::path& to,
                              const ByteProgress& progress);

/// The entries of a directory on the disk: what was created, renamed and removed in it.
Status sync_directory(const std::filesystem::path& directory);

}  // namespace beralih
