// The directory of a zip archive (PKWARE APPNOTE 6.3), for program_archive.h.
#include <algorithm>
#include <optional>
#include <set>

#include "bundle/program_archive.h"

namespace beralih {
namespace {

constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kEnd64LocatorSignature = 0x07064b50;
constexpr uint32_t kDirectorySignature = 0x02014b50;
constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr size_t kEndBytes = 22;
constexpr size_t kEnd64Bytes = 56;
constexpr size_t kEnd64LocatorBytes = 20;
constexpr size_t kDirectoryBytes = 46;
constexpr size_t kLocalBytes = 30;
constexpr size_t kMaxCommentBytes = 0xffff;
constexpr uint64_t kMaxEntries = 1'000'000;
constexpr uint16_t kZip64Extra = 1;
constexpr uint16_t kEncryptedFlag = 1;
constexpr uint16_t kStored = 0;
constexpr uint16_t kDeflated = 8;
constexpr uint64_t kMaxDeflateRatio = 1032;  // zlib's technical details
constexpr uint32_t kTypeMask = 0170000;      // of the Unix mode in the upper half of the attributes
constexpr uint32_t kRegularType = 0100000;

class ZipReader {
 public:
  ZipReader(std::span<const uint8_t> file, std::string_view name) : file_(file), name_(name) {}

  Result<std::vector<ArchiveEntry>> read();

 private:
  struct Directory {
    uint64_t entries = 0;
    uint64_t bytes = 0;
    uint64_t offset = 0;
  };

  Error error(const std::string& what) const {
    return Error{ErrorCode::kInvalidBundle, std::string(name_) + ": " + what};
  }
  Error broken() const {
    return error("not a TorchScript program: no whole zip archive (cut short or altered?)");
  }
  /// Little-endian; the caller has checked that the bytes are there.
  uint64_t number(uint64_t at, size_t bytes) const {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value |= uint64_t{file_[at + i]} << (8 * i);
    return value;
  }
  bool fits(uint64_t at, uint64_t bytes, uint64_t limit) const {
    return at <= limit && bytes <= limit - at;
  }
  std::optional<Directory> find_directory() const;
  std::optional<Directory> end64(uint64_t end) const;
  Result<ArchiveEntry> entry(uint64_t at, uint64_t& next);
  bool zip64(uint64_t at, uint64_t length, uint64_t& bytes, uint64_t& packed,
             uint64_t& offset) const;
  Result<std::span<const uint8_t>> local_data(const std::string& name, uint64_t offset,
                                              uint64_t packed);

  std::span<const uint8_t> file_;
  std::string_view name_;
  Directory directory_;
};

std::optional<ZipReader::Directory> ZipReader::end64(uint64_t end) const {
  if (end < kEnd64LocatorBytes || number(end - kEnd64LocatorBytes, 4) != kEnd64LocatorSignature)
    return std::nullopt;
  const uint64_t at = number(end - kEnd64LocatorBytes + 8, 8);
  if (!fits(at, kEnd64Bytes, file_.size()) || number(at, 4) != kEnd64Signature) return std::nullopt;
  return Directory{number(at + 32, 8), number(at + 40, 8), number(at + 48, 8)};
}

std::optional<ZipReader::Directory> ZipReader::find_directory() const {
  if (file_.size() < kEndBytes) return std::nullopt;
  const uint64_t last = file_.size() - kEndBytes;
  const uint64_t first = last > kMaxCommentBytes ? last - kMaxCommentBytes : 0;
  for (uint64_t at = last + 1; at-- > first;) {
    if (number(at, 4) != kEndSignature || number(at + 20, 2) != file_.size() - at - kEndBytes)
      continue;
    if (const auto large = end64(at)) return large;
    return Directory{number(at + 10, 2), number(at + 12, 4), number(at + 16, 4)};
  }
  return std::nullopt;
}

/// The zip64 field holds those of the three that did not fit, in this order.
bool ZipReader::zip64(uint64_t at, uint64_t length, uint64_t& bytes, uint64_t& packed,
                      uint64_t& offset) const {
  constexpr uint64_t kElsewhere = 0xffffffff;
  const bool wanted = bytes == kElsewhere || packed == kElsewhere || offset == kElsewhere;
  const uint64_t end = at + length;
  while (wanted && at + 4 <= end) {
    const uint64_t id = number(at, 2);
    const uint64_t size = number(at + 2, 2);
    at += 4;
    if (size > end - at) return false;
    if (id != kZip64Extra) {
      at += size;
      continue;
    }
    const uint64_t field_end = at + size;
    for (uint64_t* value : {&bytes, &packed, &offset}) {
      if (*value != kElsewhere) continue;
      if (field_end - at < 8) return false;
      *value = number(at, 8);
      at += 8;
    }
    return true;
  }
  return !wanted;
}

Result<std::span<const uint8_t>> ZipReader::local_data(const std::string& name, uint64_t offset,
                                                       uint64_t packed) {
  const uint64_t limit = directory_.offset;
  if (!fits(offset, kLocalBytes, limit) || number(offset, 4) != kLocalSignature) return broken();
  const uint64_t name_bytes = number(offset + 26, 2);
  const uint64_t data = offset + kLocalBytes + name_bytes + number(offset + 28, 2);
  if (!fits(data, packed, limit) || name_bytes != name.size()) return broken();
  const std::string_view local(reinterpret_cast<const char*>(file_.data() + offset + kLocalBytes),
                               name_bytes);
  if (local != name) {
    return error("the entry \"" + name.substr(0, 200) +
                 "\" has another name where its data lies; the archive was tampered with");
  }
  return file_.subspan(data, packed);
}

bool is_plain_path(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.back() == '/' ||
      name.find_first_of(std::string_view("\\:\0", 3)) != std::string_view::npos)
    return false;
  for (size_t from = 0; from <= name.size();) {
    const size_t end = std::min(name.find('/', from), name.size());
    const std::string_view part = name.substr(from, end - from);
    if (part.empty() || part == "." || part == "..") return false;
    from = end + 1;
  }
  return true;
}

Result<ArchiveEntry> ZipReader::entry(uint64_t at, uint64_t& next) {
  const uint64_t limit = directory_.offset + directory_.bytes;
  if (!fits(at, kDirectoryBytes, limit) || number(at, 4) != kDirectorySignature) return broken();
  const uint64_t name_bytes = number(at + 28, 2);
  const uint64_t extra_bytes = number(at + 30, 2);
  const uint64_t rest = name_bytes + extra_bytes + number(at + 32, 2);
  if (!fits(at + kDirectoryBytes, rest, limit)) return broken();
  next = at + kDirectoryBytes + rest;

  ArchiveEntry out;
  out.name.assign(reinterpret_cast<const char*>(file_.data() + at + kDirectoryBytes), name_bytes);
  const std::string shown = "the entry \"" + out.name.substr(0, 200) + "\"";
  if (!is_plain_path(out.name)) return error(shown + " has a path that leaves the archive");
  const uint64_t type = number(at + 38, 4) >> 16 & kTypeMask;
  if (type != 0 && type != kRegularType) return error(shown + " is a link or no regular file");
  if (number(at + 8, 2) & kEncryptedFlag) return error(shown + " is encrypted");
  const uint64_t method = number(at + 10, 2);
  if (method != kStored && method != kDeflated)
    return error(shown + " is compressed in an unknown way");
  out.deflated = method == kDeflated;

  uint64_t packed = number(at + 20, 4);
  uint64_t offset = number(at + 42, 4);
  out.bytes = number(at + 24, 4);
  if (!zip64(at + kDirectoryBytes + name_bytes, extra_bytes, out.bytes, packed, offset))
    return broken();
  const bool possible = out.deflated ? out.bytes / kMaxDeflateRatio <= packed : out.bytes == packed;
  if (!possible) return error(shown + " states sizes that cannot be");
  auto data = local_data(out.name, offset, packed);
  if (!data) return data.error();
  out.data = *data;
  return out;
}

Result<std::vector<ArchiveEntry>> ZipReader::read() {
  const auto directory = find_directory();
  if (!directory || directory->entries > kMaxEntries ||
      !fits(directory->offset, directory->bytes, file_.size()))
    return broken();
  directory_ = *directory;
  std::vector<ArchiveEntry> entries;
  std::set<std::string, std::less<>> names;
  uint64_t at = directory_.offset;
  for (uint64_t i = 0; i < directory_.entries; ++i) {
    auto parsed = entry(at, at);
    if (!parsed) return parsed.error();
    if (!names.insert(parsed->name).second)
      return error("the entry \"" + parsed->name.substr(0, 200) + "\" stands twice");
    entries.push_back(*std::move(parsed));
  }
  if (at != directory_.offset + directory_.bytes) return broken();

  std::vector<std::span<const uint8_t>> ranges;
  for (const ArchiveEntry& item : entries) ranges.push_back(item.data);
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return a.data() < b.data(); });
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i - 1].data() + ranges[i - 1].size() > ranges[i].data())
      return error("entries whose data overlaps; the archive was tampered with");
  }
  return entries;
}

}  // namespace

Result<std::vector<ArchiveEntry>> read_archive(std::span<const uint8_t> file,
                                               std::string_view file_name) {
  return ZipReader(file, file_name).read();
}

}  // namespace beralih
