#include "bundle/pack.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "bundle/tar_header.h"

namespace beralih {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxTextBytes = int64_t{16} << 20;
constexpr int64_t kMaxPaxBytes = 1024;
constexpr const char* kContract = "contract.json";
constexpr const char* kContractHash = "contract.sha256";

std::span<const uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

class Packer {
 public:
  Packer(FileWriter& out, const ByteProgress& progress) : out_(out), progress_(progress) {}

  Status add(const std::string& path, std::span<const uint8_t> bytes) {
    const auto size = static_cast<int64_t>(bytes.size());
    if (!fits_tar_size(size)) {
      const std::string record = format_pax_size(size);
      if (auto put = entry(path, kTarPax, as_bytes(record)); !put) return put;
    }
    return entry(path, kTarFile, bytes);
  }

  /// Two empty blocks.
  Status end() {
    static constexpr std::array<uint8_t, 2 * kTarBlock> kEnd{};
    return out_.write(kEnd);
  }

 private:
  Status entry(const std::string& path, char type, std::span<const uint8_t> bytes) {
    const auto size = static_cast<int64_t>(bytes.size());
    const auto header = format_tar_header({path, size, type});
    if (!header)
      return Error{ErrorCode::kInvalidArgument, path + ": the path is too long for a tar archive"};
    if (auto written = out_.write(*header); !written) return written;
    while (!bytes.empty()) {
      const size_t step = std::min<size_t>(bytes.size(), kProgressStep);
      if (auto written = out_.write(bytes.first(step)); !written) return written;
      bytes = bytes.subspan(step);
      if (auto wanted = report_progress(progress_, static_cast<int64_t>(step)); !wanted)
        return wanted;
    }
    static constexpr TarBlock kZeros{};
    return out_.write(std::span(kZeros).first(static_cast<size_t>(tar_padding(size))));
  }

  FileWriter& out_;
  const ByteProgress& progress_;
};

std::vector<BundleFile> by_path(std::vector<BundleFile> files) {
  std::sort(files.begin(), files.end(),
            [](const BundleFile& a, const BundleFile& b) { return a.path < b.path; });
  return files;
}

Result<WrittenFile> write_archive(const Bundle& bundle, const fs::path& path,
                                  const ByteProgress& progress) {
  auto writer = FileWriter::create(path);
  if (!writer) return writer.error();
  Packer packer(**writer, progress);
  const VerifiedContract& identity = bundle.identity;
  if (auto added = packer.add(kContract, as_bytes(identity.json)); !added) return added.error();
  const std::string hash = identity.contract_hash + "\n";
  if (auto added = packer.add(kContractHash, as_bytes(hash)); !added) return added.error();
  for (const BundleFile& file : by_path(identity.contract.files)) {
    if (auto added = packer.add(file.path, bundle.files.find(file.path)->second->bytes()); !added)
      return added.error();
  }
  if (auto ended = packer.end(); !ended) return ended.error();
  return (*writer)->finish();
}

class Unpacker {
 public:
  Unpacker(fs::path archive, int fd, const fs::path& directory, const ByteProgress& progress)
      : archive_(std::move(archive)), fd_(fd), directory_(directory), progress_(progress) {}
  ~Unpacker() { ::close(fd_); }
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  Result<VerifiedContract> unpack();

 private:
  Error error(const std::string& what) const {
    return Error{ErrorCode::kInvalidBundle, archive_.string() + ": " + what};
  }
  /// Fills `out` or fails.
  Status read(std::span<uint8_t> out);
  Result<TarHeader> next_header();
  Status skip_padding(int64_t bytes);
  Result<std::string> text_entry(const char* name);
  Status file_entry(const BundleFile& file);
  Status check_end();

  fs::path archive_;
  int fd_;
  const fs::path& directory_;
  const ByteProgress& progress_;
};

Status Unpacker::read(std::span<uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = ::read(fd_, out.data(), out.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return Error{ErrorCode::kIo, archive_.string() + ": cannot read: " + std::strerror(errno)};
    if (got == 0) return error("ends too early; get it again");
    out = out.subspan(static_cast<size_t>(got));
  }
  return Ok{};
}

Result<TarHeader> Unpacker::next_header() {
  TarBlock block{};
  if (auto got = read(block); !got) return got.error();
  auto header = parse_tar_header(block);
  if (!header)
    return error(
        "holds something other than a tar header where one is due; it was altered, or is "
        "no archive of `beralih bundle pack`");
  const std::string shown = "the entry \"" + header->path.substr(0, 200) + "\"";
  if (header->type == kTarPax) {
    if (header->bytes > kMaxPaxBytes) return error(shown + " has a huge pax record");
    std::string records(static_cast<size_t>(header->bytes), '\0');
    if (auto got = read({reinterpret_cast<uint8_t*>(records.data()), records.size()}); !got)
      return got.error();
    if (auto padded = skip_padding(header->bytes); !padded) return padded.error();
    const auto size = parse_pax_size(records);
    if (!size) return error(shown + " has a pax record other than its size");
    if (auto got = read(block); !got) return got.error();
    header = parse_tar_header(block);
    if (!header || header->type != kTarFile) return error(shown + " has a pax record and no file");
    header->bytes = *size;
  }
  if (header->type != kTarFile) {
    return error(shown +
                 " is a link, a directory or another special entry; a bundle's archive "
                 "holds regular files alone");
  }
  return *std::move(header);
}

Status Unpacker::skip_padding(int64_t bytes) {
  TarBlock block{};
  const auto padding = std::span(block).first(static_cast<size_t>(tar_padding(bytes)));
  if (auto got = read(padding); !got) return got;
  if (std::any_of(padding.begin(), padding.end(), [](uint8_t byte) { return byte != 0; }))
    return error("was altered: bytes that fill up a block are not zero");
  return Ok{};
}

Result<std::string> Unpacker::text_entry(const char* name) {
  const auto header = next_header();
  if (!header) return header.error();
  if (header->path != name) {
    return error("its entry \"" + header->path.substr(0, 200) + "\" stands where " + name +
                 " is due; pack the bundle with `beralih bundle pack`");
  }
  if (header->bytes > kMaxTextBytes) return error(std::string(name) + " is larger than 16 MiB");
  std::string text(static_cast<size_t>(header->bytes), '\0');
  if (auto got = read({reinterpret_cast<uint8_t*>(text.data()), text.size()}); !got)
    return got.error();
  if (auto padded = skip_padding(header->bytes); !padded) return padded.error();
  if (auto written = write_file(directory_ / name, text); !written) return written.error();
  return text;
}

Status Unpacker::file_entry(const BundleFile& file) {
  const auto header = next_header();
  if (!header) return header.error();
  if (header->path != file.path) {
    return error("its entry \"" + header->path.substr(0, 200) +
                 "\" stands where the contract's \"" + file.path +
                 "\" is due; pack the bundle with `beralih bundle pack`");
  }
  if (header->bytes != file.bytes) {
    return error("\"" + file.path + "\" has " + std::to_string(header->bytes) +
                 " bytes, its contract says " + std::to_string(file.bytes));
  }
  const fs::path path = directory_ / file.path;
  std::error_code code;
  fs::create_directories(path.parent_path(), code);
  auto writer = FileWriter::create(path);
  if (!writer) return writer.error();
  std::vector<uint8_t> buffer(
      static_cast<size_t>(std::clamp<int64_t>(file.bytes, 1, kProgressStep)));
  for (int64_t left = file.bytes; left > 0;) {
    const auto step = std::span(buffer).first(
        static_cast<size_t>(std::min<int64_t>(left, static_cast<int64_t>(buffer.size()))));
    if (auto got = read(step); !got) return got;
    if (auto written = (*writer)->write(step); !written) return written;
    left -= static_cast<int64_t>(step.size());
    if (auto wanted = report_progress(progress_, static_cast<int64_t>(step.size())); !wanted)
      return wanted;
  }
  const auto written = (*writer)->finish();
  if (!written) return written.error();
  if (written->sha256 != file.sha256) {
    return error("\"" + file.path + "\" was altered: its SHA-256 is " + written->sha256 +
                 ", its contract says " + file.sha256);
  }
  return skip_padding(file.bytes);
}

Status Unpacker::check_end() {
  std::array<uint8_t, 2 * kTarBlock> end{};
  if (auto got = read(end); !got) return got;
  uint8_t more = 0;
  const bool zeros = std::all_of(end.begin(), end.end(), [](uint8_t byte) { return byte == 0; });
  if (zeros && ::read(fd_, &more, 1) == 0) return Ok{};
  return error(
      "holds more than the files of its contract; pack the bundle with `beralih bundle "
      "pack`");
}

Result<VerifiedContract> Unpacker::unpack() {
  if (auto json = text_entry(kContract); !json) return json.error();
  if (auto hash = text_entry(kContractHash); !hash) return hash.error();
  auto identity = read_contract(directory_);
  if (!identity) {
    // The message speaks of the copy, which the user never sees.
    std::string message = identity.error().message;
    const std::string copy = directory_.string() + "/";
    const size_t at = message.find(copy);
    if (at != std::string::npos) message.replace(at, copy.size(), archive_.string() + ": its ");
    return Error{identity.error().code, message};
  }
  for (const BundleFile& file : by_path(identity->contract.files)) {
    if (auto done = file_entry(file); !done) return done.error();
  }
  if (auto ended = check_end(); !ended) return ended.error();
  return identity;
}

}  // namespace

Result<WrittenFile> pack_bundle(const fs::path& bundle, const fs::path& archive,
                                const ByteProgress& progress) {
  OpenOptions options;
  options.progress = progress;
  const auto opened = open_bundle(bundle, options);
  if (!opened) return opened.error();
  const fs::path aside = archive.string() + ".new-" + std::to_string(::getpid());
  auto written = write_archive(*opened, aside, progress);
  std::error_code code;
  if (written) fs::rename(aside, archive, code);
  std::error_code ignored;
  if (!written || code) fs::remove(aside, ignored);
  if (code) return Error{ErrorCode::kIo, archive.string() + ": cannot create: " + code.message()};
  if (!written) return written;
  if (auto synced = sync_directory(fs::absolute(archive).parent_path()); !synced)
    return synced.error();
  return written;
}

Result<VerifiedContract> unpack_bundle(const fs::path& archive, const fs::path& directory,
                                       const ByteProgress& progress) {
  const int fd = ::open(archive.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return Error{ErrorCode::kIo, archive.string() + ": cannot open: " + std::strerror(errno)};
  return Unpacker(archive, fd, directory, progress).unpack();
}

}  // namespace beralih
