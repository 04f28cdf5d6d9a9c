// Remembers which files were hashed, so that a restart does not hash a gigabyte again.
#pragma once

#include <filesystem>
#include <string_view>

#include "bundle/mapped_file.h"

namespace beralih {

/// One small file for each hashed file, named by device and inode, holding size, times and SHA-256.
/// An entry says that this user saw that state of that file with that hash. It is trusted as far as
/// the kernel's change time is: whoever can write to the disk below the file system, or set the
/// clock back, can get an altered file past it.
class HashCache {
 public:
  /// An empty path, or a folder that another user owns or may write to, makes a cache that knows
  /// nothing. The folder is made when something is remembered.
  explicit HashCache(std::filesystem::path directory);

  bool knows(const FileIdentity& file, std::string_view sha256) const;
  /// A cache that cannot be written is no error. A file that changed within the last moments is not
  /// remembered: another change could carry the same time.
  void remember(const FileIdentity& file, std::string_view sha256) const;

 private:
  std::filesystem::path directory_;
};

/// $XDG_CACHE_HOME/beralih, else $HOME/.cache/beralih, else empty.
std::filesystem::path default_cache_directory();

}  // namespace beralih
