#include "bundle/program_archive.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "bundle/inflate.h"

namespace beralih {
namespace {

/// Identifiers that read or write files when TorchScript calls them.
constexpr std::array<std::string_view, 2> kFileFunctions{"save", "from_file"};

constexpr uint64_t kMaxDeflatedBytes = uint64_t{1}
                                       << 30;  // unpacked; tensors are stored, not deflated
constexpr uint64_t kMaxCodeBytes = uint64_t{64} << 20;

class Checker {
 public:
  explicit Checker(std::string_view file_name) : file_name_(file_name) {}

  Status check(const std::vector<ArchiveEntry>& entries) const;

 private:
  Error error(const std::string& what) const {
    return Error{ErrorCode::kInvalidBundle, std::string(file_name_) + ": " + what};
  }
  Status check_code(const ArchiveEntry& entry) const;

  std::string_view file_name_;
};

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// `name` without the archive's top folder.
bool is_expected(std::string_view name) {
  static constexpr std::array<std::string_view, 9> kFiles{
      "data.pkl",           "constants.pkl",          "version",
      "byteorder",          "attributes.pkl",         ".format_version",
      ".storage_alignment", ".data/serialization_id", ".data/version"};
  if (std::find(kFiles.begin(), kFiles.end(), name) != kFiles.end()) return true;
  if (name.starts_with("data/")) return is_number(name.substr(5));
  if (name.starts_with("constants/")) return is_number(name.substr(10));
  return name.starts_with("code/") && (name.ends_with(".py") || name.ends_with(".py.debug_pkl"));
}

bool is_identifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// The first of kFileFunctions that stands in the code as a whole word behind a dot; empty if none.
std::string_view find_file_function(std::string_view code) {
  for (const std::string_view word : kFileFunctions) {
    for (size_t at = code.find(word); at != std::string_view::npos; at = code.find(word, at + 1)) {
      const size_t end = at + word.size();
      if (end < code.size() && is_identifier(code[end])) continue;
      const size_t before = code.substr(0, at).find_last_not_of(" \t\r\n\\");
      if (before != std::string_view::npos && code[before] == '.') return word;
    }
  }
  return {};
}

Status Checker::check_code(const ArchiveEntry& entry) const {
  if (entry.bytes > kMaxCodeBytes)
    return error("entry \"" + entry.name + "\" is too large for code");
  std::string unpacked;
  std::string_view code(reinterpret_cast<const char*>(entry.data.data()), entry.data.size());
  if (entry.deflated) {
    auto inflated = inflate_raw(entry.data, entry.bytes);
    if (!inflated) return error("entry \"" + entry.name + "\" cannot be unpacked");
    unpacked = *std::move(inflated);
    code = unpacked;
  }
  const std::string_view function = find_file_function(code);
  if (function.empty()) return Ok{};
  return error("the code in \"" + entry.name + "\" calls \"" + std::string(function) +
               "\", which reads or writes files; a classifier needs no files: script it without");
}

Status Checker::check(const std::vector<ArchiveEntry>& entries) const {
  if (entries.empty()) return error("an empty archive, not a TorchScript program");
  const std::string_view first = entries.front().name;
  const std::string top(first.substr(0, first.find('/') + 1));
  bool has_program = false;
  uint64_t deflated = 0;
  for (const ArchiveEntry& entry : entries) {
    const std::string_view name = entry.name;
    if (top.empty() || !name.starts_with(top) || !is_expected(name.substr(top.size()))) {
      return error("holds the entry \"" + entry.name.substr(0, 200) +
                   "\", which no TorchScript program has; save it again with torch.jit.save, "
                   "without extra files");
    }
    has_program |= name.substr(top.size()) == "data.pkl";
    if (entry.deflated) deflated += entry.bytes;
    if (deflated > kMaxDeflatedBytes)
      return error("unpacks to more than 1 GiB of compressed entries");
    if (!name.ends_with(".py")) continue;
    if (auto code = check_code(entry); !code) return code;
  }
  if (!has_program) return error("lacks the entry data.pkl of a TorchScript program");
  return Ok{};
}

}  // namespace

Status check_program_archive(std::span<const uint8_t> file, std::string_view file_name) {
  const auto entries = read_archive(file, file_name);
  if (!entries) return entries.error();
  return Checker(file_name).check(*entries);
}

}  // namespace beralih
