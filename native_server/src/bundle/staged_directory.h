// A bundle under construction: a hidden sibling of the place where it will stand. Nobody sees the
// bundle before it is whole, and the one that stood there stays until that moment.
#pragma once

#include <filesystem>
#include <memory>

#include "beralih/result.h"

namespace beralih {

class StagedDirectory {
 public:
  /// An existing `destination` is refused; with `replace`, refused unless it holds a bundle.
  /// Removes what an interrupted process left beside it. Errors: kIo, kInvalidArgument.
  static Result<std::unique_ptr<StagedDirectory>> create(const std::filesystem::path& destination,
                                                         bool replace);

  /// Removes what was not committed.
  ~StagedDirectory();
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;

  const std::filesystem::path& path() const { return staging_; }

  /// Puts the directory in its place, in one step as others see it. Errors: kIo.
  Status commit();

 private:
  StagedDirectory(std::filesystem::path destination, std::filesystem::path staging, int lock)
      : destination_(std::move(destination)), staging_(std::move(staging)), lock_(lock) {}

  std::filesystem::path destination_;
  std::filesystem::path staging_;
  int lock_;  ///< held as long as the staging directory is somebody's
};

}  // namespace beralih
