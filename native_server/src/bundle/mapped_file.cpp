#include "bundle/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

namespace beralih {
namespace {

Error io_error(const std::filesystem::path& path, const char* what, int code) {
  return Error{ErrorCode::kIo, path.string() + ": " + what + ": " + std::strerror(code)};
}

int64_t nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileIdentity identity_of(const struct stat& status) {
  return {status.st_dev, status.st_ino, status.st_size, nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
}

/// Runs inside a signal handler: no allocation, no locks.
void on_bus_error(int) {
  static constexpr char kMessage[] =
      "beralih: a mapped file of the bundle cannot be read any more: it was cut short or its disk "
      "failed. Replace a bundle by renaming a whole directory, never in place; then start again\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  // SA_RESETHAND: the instruction faults again and ends the process as it would have.
}

/// Closes the descriptor on every way out; a mapping outlives it.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: a named pipe in place of the file must not hang the start.
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return io_error(path, "cannot open", errno);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return io_error(path, "cannot read its size", errno);
  if (!S_ISREG(status.st_mode))
    return Error{ErrorCode::kIo, path.string() + ": not a regular file"};

  const auto size = static_cast<size_t>(status.st_size);
  void* base = nullptr;
  if (size > 0) {  // mmap refuses a length of 0
    base = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (base == MAP_FAILED) return io_error(path, "cannot map into memory", errno);
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(base, size, identity_of(status)));
}

void MappedFile::release_pages() const {
  if (base_ != nullptr) ::madvise(base_, size_, MADV_DONTNEED);
}

void explain_lost_mappings() {
  struct sigaction action {};
  action.sa_handler = on_bus_error;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, nullptr);
}

MappedFile::~MappedFile() {
  if (base_ != nullptr) ::munmap(base_, size_);
}

}  // namespace beralih
