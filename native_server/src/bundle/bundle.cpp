#include "bundle/bundle.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include "beralih/sha256.h"

namespace beralih {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxContractBytes = 16u << 20;
constexpr std::string_view kPrepareAgain = "; prepare the bundle again, or restore the file";

Error bundle_error(const fs::path& file, const std::string& what) {
  return Error{ErrorCode::kInvalidBundle, file.string() + ": " + what};
}

std::string_view as_text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
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

Status check_file(const fs::path& root, const BundleFile& file, const MappedFile& mapped) {
  const auto bytes = mapped.bytes();
  if (static_cast<int64_t>(bytes.size()) != file.bytes) {
    return bundle_error(root / file.path,
                        "has " + std::to_string(bytes.size()) + " bytes, contract.json says " +
                            std::to_string(file.bytes) + std::string(kPrepareAgain));
  }
  const std::string hash = sha256_hex(bytes);
  if (hash != file.sha256) {
    return bundle_error(root / file.path, "was altered: its SHA-256 is " + hash +
                                              ", contract.json says " + file.sha256 +
                                              std::string(kPrepareAgain));
  }
  return Ok{};
}

/// Hashes the largest files first, several at a time. The first error in the contract's order wins,
/// so that the message does not depend on timing.
Status check_files(const fs::path& root, const std::vector<BundleFile>& files,
                   const std::vector<std::shared_ptr<const MappedFile>>& mapped) {
  std::vector<size_t> order(files.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return files[a].bytes > files[b].bytes; });

  std::vector<std::optional<Error>> errors(files.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < order.size(); i = next++) {
      const size_t index = order[i];
      if (auto status = check_file(root, files[index], *mapped[index]); !status)
        errors[index] = status.error();
    }
  };
  {
    std::vector<std::jthread> workers;
    const size_t count =
        std::min<size_t>(std::max(1u, std::thread::hardware_concurrency()), files.size());
    for (size_t i = 1; i < count; ++i) workers.emplace_back(work);
    work();
  }
  for (auto& error : errors) {
    if (error) return *std::move(error);
  }
  return Ok{};
}

Result<std::vector<std::string>> read_labels(const fs::path& path, std::string_view text,
                                             int64_t classes) {
  std::vector<std::string> labels;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty())
      return bundle_error(path, "line " + std::to_string(labels.size() + 1) + " is empty");
    labels.emplace_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  if (static_cast<int64_t>(labels.size()) != classes) {
    return bundle_error(path, "has " + std::to_string(labels.size()) +
                                  " labels, the output in contract.json has " +
                                  std::to_string(classes) + " classes");
  }
  return labels;
}

}  // namespace

std::shared_ptr<const MappedFile> Bundle::file(std::string_view role) const {
  const BundleFile* entry = contract().file(role);
  if (entry == nullptr) return nullptr;
  const auto found = files.find(entry->path);
  return found == files.end() ? nullptr : found->second;
}

Result<VerifiedContract> read_contract(const fs::path& directory) {
  std::error_code code;
  if (!fs::is_directory(directory, code)) {
    return Error{ErrorCode::kInvalidBundle,
                 directory.string() + ": no such bundle directory; name one with --bundle"};
  }
  const fs::path json_path = directory / "contract.json";
  const fs::path hash_path = directory / "contract.sha256";
  const auto json = MappedFile::open(json_path);
  if (!json)
    return Error{ErrorCode::kInvalidBundle, json.error().message + std::string(kPrepareAgain)};
  const auto hash = MappedFile::open(hash_path);
  if (!hash)
    return Error{ErrorCode::kInvalidBundle, hash.error().message + std::string(kPrepareAgain)};
  if ((*json)->bytes().size() > kMaxContractBytes)
    return bundle_error(json_path, "larger than 16 MiB");

  VerifiedContract out;
  out.json = as_text((*json)->bytes());
  out.contract_hash = sha256_hex(out.json);
  std::string_view stated = as_text((*hash)->bytes());
  while (stated.ends_with('\n') || stated.ends_with('\r') || stated.ends_with(' '))
    stated.remove_suffix(1);
  if (stated != out.contract_hash) {
    return bundle_error(json_path, "was altered: its SHA-256 is " + out.contract_hash +
                                       ", which is not what contract.sha256 holds" +
                                       std::string(kPrepareAgain));
  }
  auto contract = parse_contract(out.json);
  if (!contract)
    return Error{contract.error().code, json_path.string() + ": " + contract.error().message};
  out.contract = *std::move(contract);
  out.preprocessing_text = preprocessing_text(out.contract);
  out.preprocessing_hash = preprocessing_hash(out.contract);
  return out;
}

Result<Bundle> open_bundle(const fs::path& directory) {
  auto identity = read_contract(directory);
  if (!identity) return identity.error();

  Bundle bundle;
  bundle.directory = directory;
  bundle.identity = *std::move(identity);
  const Contract& contract = bundle.contract();
  std::error_code code;
  const fs::path root = fs::canonical(directory, code);
  if (code) return bundle_error(directory, "cannot be read: " + code.message());

  std::vector<std::shared_ptr<const MappedFile>> mapped;
  for (const BundleFile& file : contract.files) {
    auto opened = map_inside(root, file);
    if (!opened) return opened.error();
    if (!bundle.files.emplace(file.path, *opened).second) {
      return bundle_error(root / "contract.json", "names the file \"" + file.path + "\" twice");
    }
    mapped.push_back(*std::move(opened));
  }
  if (auto checked = check_files(root, contract.files, mapped); !checked) return checked.error();

  const BundleFile* labels = contract.file("labels");
  if (labels == nullptr)
    return bundle_error(root / "contract.json", "names no file with the role \"labels\"");
  const int64_t classes = contract.output.shape.empty() ? 0 : contract.output.shape.back();
  auto read = read_labels(root / labels->path, as_text(bundle.file("labels")->bytes()), classes);
  if (!read) return read.error();
  bundle.labels = *std::move(read);

  for (const GoldenCase& golden : contract.golden) {
    if (!bundle.files.contains(golden.image)) {
      return bundle_error(root / "contract.json",
                          "the golden image \"" + golden.image + "\" is not among its files");
    }
  }
  return bundle;
}

}  // namespace beralih
