#include "bundle/staged_directory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "bundle/file_writer.h"

namespace beralih {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kDirectoryMode = 0755;

Error io_error(const fs::path& path, const char* what) {
  return Error{ErrorCode::kIo, path.string() + ": " + what + ": " + std::strerror(errno)};
}

Error refused(const fs::path& path, const std::string& what) {
  return Error{ErrorCode::kInvalidArgument, path.string() + ": " + what};
}

/// The descriptor that holds the lock; -1 if somebody else does.
int lock_directory(const fs::path& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  ::close(fd);
  return -1;
}

std::string staging_prefix(const fs::path& destination) {
  return "." + destination.filename().string() + ".new-";
}

/// The lock of a process that was killed is free.
void remove_abandoned(const fs::path& destination) {
  std::error_code code;
  std::vector<fs::path> candidates;
  for (fs::directory_iterator entry(destination.parent_path(), code), end; !code && entry != end;
       entry.increment(code)) {
    if (entry->path().filename().string().starts_with(staging_prefix(destination)))
      candidates.push_back(entry->path());
  }
  for (const fs::path& candidate : candidates) {
    const int lock = lock_directory(candidate);
    if (lock < 0) continue;
    fs::remove_all(candidate, code);
    ::close(lock);
  }
}

/// Absolute, without "." and a final slash; a symbolic link to a bundle is followed.
Result<fs::path> resolve(const fs::path& destination) {
  std::error_code code;
  fs::path path = fs::weakly_canonical(fs::absolute(destination, code), code);
  if (!code && path.filename().empty()) path = path.parent_path();
  if (code) return refused(destination, "cannot be resolved: " + code.message());
  if (!path.has_filename()) return refused(destination, "not a name for a bundle");
  return path;
}

Status check_destination(const fs::path& path, bool replace) {
  std::error_code code;
  if (!fs::is_directory(path.parent_path(), code))
    return refused(path.parent_path(), "no such directory; make it first");
  if (!fs::exists(fs::symlink_status(path, code))) return Ok{};
  if (!replace) return refused(path, "already exists; --replace puts the new bundle in its place");
  if (!fs::is_regular_file(path / "contract.json", code)) {
    return refused(path, "holds no bundle, so --replace leaves it alone; name another place");
  }
  return Ok{};
}

}  // namespace

Result<std::unique_ptr<StagedDirectory>> StagedDirectory::create(const fs::path& destination,
                                                                 bool replace) {
  const auto path = resolve(destination);
  if (!path) return path.error();
  if (auto checked = check_destination(*path, replace); !checked) return checked.error();
  remove_abandoned(*path);
  std::string staging = (path->parent_path() / (staging_prefix(*path) + "XXXXXX")).string();
  if (::mkdtemp(staging.data()) == nullptr)
    return io_error(path->parent_path(), "cannot make a directory in it");
  std::unique_ptr<StagedDirectory> staged(
      new StagedDirectory(*path, staging, lock_directory(staging)));
  if (staged->lock_ < 0) return io_error(staging, "cannot be locked");
  return staged;
}

StagedDirectory::~StagedDirectory() {
  // After a commit the staging name holds the replaced bundle, or nothing.
  std::error_code ignored;
  fs::remove_all(staging_, ignored);
  if (lock_ >= 0) ::close(lock_);
}

Status StagedDirectory::commit() {
  std::error_code code;
  std::vector<fs::path> directories{staging_};
  for (const auto& entry : fs::recursive_directory_iterator(staging_, code)) {
    if (entry.is_directory(code)) directories.push_back(entry.path());
  }
  for (const fs::path& directory : directories) {
    if (::chmod(directory.c_str(), kDirectoryMode) != 0)
      return io_error(directory, "cannot set its mode");
    if (auto synced = sync_directory(directory); !synced) return synced;
  }

  const char* from = staging_.c_str();
  const char* to = destination_.c_str();
  int renamed = ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
  if (renamed != 0 && errno == EEXIST)
    renamed = ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE);
  if (renamed != 0 && (errno == EINVAL || errno == ENOSYS)) {
    // A file system without these renames (NFS): the old bundle steps aside for a moment.
    // Its name is none that remove_abandoned() looks for.
    const std::string aside =
        (destination_.parent_path() / ("." + destination_.filename().string() + ".replaced"))
            .string();
    const bool replaced = ::rename(to, aside.c_str()) == 0;
    renamed = ::rename(from, to);
    if (renamed != 0 && replaced) ::rename(aside.c_str(), to);
    if (renamed == 0 && replaced) ::rename(aside.c_str(), from);  // for the destructor
  }
  if (renamed != 0) return io_error(destination_, "cannot be put in place");
  return sync_directory(destination_.parent_path());
}

}  // namespace beralih
