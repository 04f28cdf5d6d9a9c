#include "bundle/hash_cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

namespace beralih {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kForeignWrite = S_IWGRP | S_IWOTH;
// Longer than any file system's and any kernel tick's granularity of times.
constexpr int64_t kSettledAfterNs = 2'000'000'000;

bool owned_by_us(const struct stat& status) {
  return status.st_uid == ::geteuid() && (status.st_mode & kForeignWrite) == 0;
}

fs::path entry_path(const fs::path& directory, const FileIdentity& file) {
  return directory / (std::to_string(file.device) + "-" + std::to_string(file.inode));
}

std::string entry_text(const FileIdentity& file, std::string_view sha256) {
  return std::to_string(file.size) + " " + std::to_string(file.modified_ns) + " " +
         std::to_string(file.changed_ns) + " " + std::string(sha256) + "\n";
}

int64_t now_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

HashCache::HashCache(fs::path directory) : directory_(std::move(directory)) {
  if (directory_.empty()) return;
  directory_ /= "hashes";
  struct stat status {};
  const bool exists = ::lstat(directory_.c_str(), &status) == 0;
  if (exists && (!S_ISDIR(status.st_mode) || !owned_by_us(status))) directory_.clear();
}

bool HashCache::knows(const FileIdentity& file, std::string_view sha256) const {
  if (directory_.empty()) return false;
  const std::string path = entry_path(directory_, file).string();
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return false;
  struct stat status {};
  std::array<char, 256> found{};
  ssize_t size = -1;
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && owned_by_us(status))
    size = ::read(fd, found.data(), found.size());
  ::close(fd);
  return size > 0 &&
         entry_text(file, sha256) == std::string_view(found.data(), static_cast<size_t>(size));
}

void HashCache::remember(const FileIdentity& file, std::string_view sha256) const {
  const int64_t age = now_ns() - std::max(file.modified_ns, file.changed_ns);
  if (directory_.empty() || age < kSettledAfterNs) return;
  std::error_code ignored;
  fs::create_directories(directory_.parent_path(), ignored);
  ::mkdir(directory_.c_str(), 0700);
  const fs::path path = entry_path(directory_, file);
  // Written aside and renamed: a reader sees the old entry or the new one.
  std::string aside = path.string() + ".XXXXXX";
  const int fd = ::mkostemp(aside.data(), O_CLOEXEC);
  if (fd < 0) return;
  const std::string text = entry_text(file, sha256);
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  if (!written || ::rename(aside.c_str(), path.c_str()) != 0) ::unlink(aside.c_str());
}

fs::path default_cache_directory() {
  const auto variable = [](const char* name) {
    const char* value = ::getenv(name);
    return fs::path(value != nullptr ? value : "");
  };
  // The XDG specification says to ignore a relative path.
  if (const fs::path cache = variable("XDG_CACHE_HOME"); cache.is_absolute())
    return cache / "beralih";
  if (const fs::path home = variable("HOME"); home.is_absolute()) return home / ".cache/beralih";
  return {};
}

}  // namespace beralih
