#include "bundle/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace beralih {
namespace {

Error io_error(const std::filesystem::path& path, const char* what, int code) {
  return Error{ErrorCode::kIo, path.string() + ": " + what + ": " + std::strerror(code)};
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
  return std::shared_ptr<const MappedFile>(new MappedFile(base, size));
}

MappedFile::~MappedFile() {
  if (base_ != nullptr) ::munmap(base_, size_);
}

}  // namespace beralih
