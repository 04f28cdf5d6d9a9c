#include "bundle/bundle.h"

#include <span>
#include <utility>

#include "beralih/sha256.h"

namespace beralih {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxTextBytes = 16u << 20;
constexpr std::string_view kPrepareAgain = "; prepare the bundle again, or restore the file";

Error bundle_error(const fs::path& file, const std::string& what) {
  return Error{ErrorCode::kInvalidBundle, file.string() + ": " + what};
}

std::string_view as_text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
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
  if ((*json)->bytes().size() > kMaxTextBytes) return bundle_error(json_path, "larger than 16 MiB");

  VerifiedContract out;
  out.json = as_text((*json)->bytes());
  out.contract_hash = sha256_hex(out.json);
  // Exactly the digits and a line end: an altered byte of this file must not pass either.
  std::string_view stated = as_text((*hash)->bytes());
  if (stated.ends_with('\n')) stated.remove_suffix(1);
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

Result<Bundle> open_bundle(const fs::path& directory, const OpenOptions& options) {
  auto identity = read_contract(directory);
  if (!identity) return identity.error();

  Bundle bundle;
  bundle.directory = directory;
  bundle.identity = *std::move(identity);
  const Contract& contract = bundle.contract();
  std::error_code code;
  const fs::path root = fs::canonical(directory, code);
  if (code) return bundle_error(directory, "cannot be read: " + code.message());

  // The first error in the contract's order, so that the message does not depend on timing.
  auto outcomes = check_files(root, contract.files, options);
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].error) return *std::move(outcomes[i].error);
    bundle.hashed_files += outcomes[i].hashed ? 1 : 0;
    bundle.files.emplace(contract.files[i].path, std::move(outcomes[i].mapped));
  }

  const BundleFile* labels = contract.file("labels");
  if (labels == nullptr)
    return bundle_error(root / "contract.json", "names no file with the role \"labels\"");
  auto parsed = parse_labels(root / labels->path, as_text(bundle.file("labels")->bytes()));
  if (!parsed) return parsed.error();
  bundle.labels = *std::move(parsed);
  const int64_t classes = contract.output.shape.empty() ? 0 : contract.output.shape.back();
  if (static_cast<int64_t>(bundle.labels.size()) != classes) {
    return bundle_error(root / labels->path, "has " + std::to_string(bundle.labels.size()) +
                                                 " labels, the output in contract.json has " +
                                                 std::to_string(classes) + " classes");
  }
  return bundle;
}

Result<std::vector<std::string>> parse_labels(const fs::path& path, std::string_view text) {
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
  return labels;
}

Result<std::string> read_text(const fs::path& path) {
  const auto file = MappedFile::open(path);
  if (!file) return file.error();
  if ((*file)->bytes().size() > kMaxTextBytes)
    return Error{ErrorCode::kInvalidArgument, path.string() + ": larger than 16 MiB"};
  return std::string(as_text((*file)->bytes()));
}

}  // namespace beralih
