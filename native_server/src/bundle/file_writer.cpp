#include "bundle/file_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace beralih {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kFileMode = 0644;

Error io_error(const fs::path& path, const char* what) {
  return Error{ErrorCode::kIo, path.string() + ": " + what + ": " + std::strerror(errno)};
}

class OpenFile {
 public:
  explicit OpenFile(int fd) : fd_(fd) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Result<std::unique_ptr<FileWriter>> FileWriter::create(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode);
  if (fd < 0) return io_error(path, "cannot create");
  return std::unique_ptr<FileWriter>(new FileWriter(path, fd));
}

FileWriter::~FileWriter() {
  if (fd_ >= 0) ::close(fd_);
}

Status FileWriter::write(std::span<const uint8_t> bytes) {
  hash_.update(bytes);
  bytes_ += static_cast<int64_t>(bytes.size());
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error(path_, "cannot write");
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return Ok{};
}

Result<WrittenFile> FileWriter::finish() {
  // Whatever the umask: a server under another user reads the bundle.
  if (::fchmod(fd_, kFileMode) != 0) return io_error(path_, "cannot set its mode");
  if (::fsync(fd_) != 0) return io_error(path_, "cannot write to the disk");
  const int closed = ::close(std::exchange(fd_, -1));
  if (closed != 0) return io_error(path_, "cannot close");
  return WrittenFile{bytes_, to_hex(hash_.digest())};
}

Result<WrittenFile> write_file(const fs::path& path, std::string_view text) {
  auto writer = FileWriter::create(path);
  if (!writer) return writer.error();
  if (auto written = (*writer)->write({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
      !written) {
    return written.error();
  }
  return (*writer)->finish();
}

Result<WrittenFile> copy_file(const fs::path& from, const fs::path& to,
                              const ByteProgress& progress) {
  const OpenFile source(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (source.get() < 0) return io_error(from, "cannot open");
  struct stat status {};
  if (::fstat(source.get(), &status) != 0) return io_error(from, "cannot read its size");
  if (!S_ISREG(status.st_mode))
    return Error{ErrorCode::kIo, from.string() + ": not a regular file"};
  auto writer = FileWriter::create(to);
  if (!writer) return writer.error();

  std::vector<uint8_t> buffer(
      static_cast<size_t>(std::clamp<int64_t>(status.st_size, 1, kProgressStep)));
  for (;;) {
    const ssize_t got = ::read(source.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(from, "cannot read");
    if (got == 0) break;
    if (auto written = (*writer)->write({buffer.data(), static_cast<size_t>(got)}); !written)
      return written.error();
    if (auto wanted = report_progress(progress, got); !wanted) return wanted.error();
  }
  return (*writer)->finish();
}

Status sync_directory(const fs::path& directory) {
  const OpenFile fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0)
    return io_error(directory, "cannot write to the disk");
  return Ok{};
}

}  // namespace beralih
