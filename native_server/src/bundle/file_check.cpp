#include "bundle/file_check.h"

#include <algorithm>
#include <atomic>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include "beralih/sha256.h"
#include "bundle/hash_cache.h"

namespace beralih {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrepareAgain = "; prepare the bundle again, or restore the file";

Error bundle_error(const fs::path& file, const std::string& what) {
  return Error{ErrorCode::kInvalidBundle, file.string() + ": " + what};
}

bool stays_inside(std::string_view path) {
  const fs::path relative(path);
  if (path.empty() || relative.is_absolute() || path.find('\0') != std::string_view::npos)
    return false;
  return std::none_of(relative.begin(), relative.end(), [](const fs::path& part) {
    return part == ".." || part == "." || part.empty();
  });
}

/// Maps one file of the contract after checking that neither its path nor a symbolic link leaves
/// the bundle.
Result<std::shared_ptr<const MappedFile>> map_inside(const fs::path& root, const BundleFile& file) {
  if (!stays_inside(file.path)) {
    return bundle_error(root / "contract.json", "the path \"" + file.path + "\" leaves the bundle");
  }
  const fs::path path = root / file.path;
  std::error_code code;
  const fs::path real = fs::canonical(path, code);
  if (code) {
    return bundle_error(path, "cannot be read: " + code.message() + std::string(kPrepareAgain));
  }
  const auto [end, rest] = std::mismatch(root.begin(), root.end(), real.begin(), real.end());
  if (end != root.end()) {
    return bundle_error(path,
                        "is a symbolic link that leaves the bundle; put the file itself there");
  }
  auto mapped = MappedFile::open(real);
  if (!mapped)
    return Error{ErrorCode::kInvalidBundle, mapped.error().message + std::string(kPrepareAgain)};
  return mapped;
}

Status check_size(const fs::path& root, const BundleFile& file, const MappedFile& mapped) {
  const size_t size = mapped.bytes().size();
  if (static_cast<int64_t>(size) == file.bytes) return Ok{};
  return bundle_error(root / file.path,
                      "has " + std::to_string(size) + " bytes, contract.json says " +
                          std::to_string(file.bytes) + std::string(kPrepareAgain));
}

/// Everything that check_files does for one file after mapping it.
class ContentCheck {
 public:
  explicit ContentCheck(const OpenOptions& options)
      : options_(options),
        cache_(options.verify != VerifyMode::kCached ? fs::path()
               : options.cache_directory.empty()     ? default_cache_directory()
                                                     : options.cache_directory) {}

  Status operator()(const fs::path& root, const BundleFile& file, FileOutcome& outcome) const {
    const MappedFile& mapped = *outcome.mapped;
    if (auto size = check_size(root, file, mapped); !size) return size;
    if (options_.verify == VerifyMode::kNever) return Ok{};
    if (cache_.knows(mapped.identity(), file.sha256)) return Ok{};
    outcome.hashed = true;
    const auto found = hash_bytes(mapped.bytes(), options_.progress);
    if (!found) return found.error();
    if (*found != file.sha256) {
      return bundle_error(root / file.path, "was altered: its SHA-256 is " + *found +
                                                ", contract.json says " + file.sha256 +
                                                std::string(kPrepareAgain));
    }
    cache_.remember(mapped.identity(), file.sha256);
    return Ok{};
  }

 private:
  const OpenOptions& options_;
  HashCache cache_;
};

}  // namespace

Result<std::string> hash_bytes(std::span<const uint8_t> bytes, const ByteProgress& progress) {
  Sha256 hash;
  while (!bytes.empty()) {
    const size_t step = std::min<size_t>(bytes.size(), kProgressStep);
    hash.update(bytes.first(step));
    bytes = bytes.subspan(step);
    if (auto wanted = report_progress(progress, static_cast<int64_t>(step)); !wanted)
      return wanted.error();
  }
  return to_hex(hash.digest());
}

std::vector<FileOutcome> check_files(const fs::path& root, const std::vector<BundleFile>& files,
                                     const OpenOptions& options) {
  std::vector<FileOutcome> outcomes(files.size());
  std::vector<size_t> order;
  for (size_t i = 0; i < files.size(); ++i) {
    auto mapped = map_inside(root, files[i]);
    if (mapped) {
      outcomes[i].mapped = *std::move(mapped);
      order.push_back(i);
    } else {
      outcomes[i].error = mapped.error();
    }
  }
  // The largest first: it decides when the last one is done.
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return files[a].bytes > files[b].bytes; });

  const ContentCheck check(options);
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < order.size(); i = next++) {
      const size_t index = order[i];
      if (auto status = check(root, files[index], outcomes[index]); !status)
        outcomes[index].error = status.error();
    }
  };
  std::vector<std::jthread> workers;
  const size_t count =
      std::min<size_t>(std::max(1u, std::thread::hardware_concurrency()), order.size());
  for (size_t i = 1; i < count; ++i) workers.emplace_back(work);
  work();
  workers.clear();  // joins
  return outcomes;
}

}  // namespace beralih
