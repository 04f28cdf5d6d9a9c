#include "bundle/verify_bundle.h"

#include <algorithm>
#include <set>

#include "beralih/preprocess.h"
#include "beralih/sha256.h"

namespace beralih {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> find_unlisted(const fs::path& root, const Contract& contract) {
  std::set<std::string> listed{"contract.json", "contract.sha256"};
  for (const BundleFile& file : contract.files) listed.insert(file.path);
  std::vector<std::string> found;
  std::error_code code;
  for (fs::recursive_directory_iterator entry(root, code), end; !code && entry != end;
       entry.increment(code)) {
    std::string path = entry->path().lexically_relative(root).string();
    if (!entry->is_directory(code) && !listed.contains(path)) found.push_back(std::move(path));
  }
  std::sort(found.begin(), found.end());
  return found;
}

GoldenOutcome try_golden(const GoldenCase& golden, const Bundle& bundle, InferenceEngine& engine,
                         double tolerance) {
  GoldenOutcome failed;
  const auto image = bundle.files.find(golden.image)->second;
  const auto prepared = preprocess(image->bytes(), bundle.contract().preprocessing);
  if (!prepared) {
    failed.problem = prepared.error().message;
    return failed;
  }
  const auto rows = engine.infer(std::span(&prepared->tensor, 1));
  if (!rows) {
    failed.problem = rows.error().message;
    return failed;
  }
  return compare_golden(golden, sha256_hex(prepared->tensor.bytes()),
                        top_k(softmax(rows->front()), bundle.labels.size()), tolerance);
}

Status check_golden_cases(const fs::path& directory, const MakeBundleEngine& make_engine,
                          const ByteProgress& progress, VerifyReport& report) {
  OpenOptions sizes_only;  // the hashes were just checked
  sizes_only.verify = VerifyMode::kNever;
  const auto bundle = open_bundle(directory, sizes_only);
  if (!bundle) return bundle.error();
  if (bundle->contract().golden.empty()) {
    return Error{ErrorCode::kInvalidBundle,
                 "the contract holds no golden case, so nothing shows that the network comes to "
                 "the research result"};
  }
  if (auto wanted = report_progress(progress, 0); !wanted) return wanted;
  auto engine = make_engine(*bundle);
  if (!engine) return engine.error();
  report.engine = (*engine)->metadata();
  report.tolerance = allowed_difference(bundle->contract().tolerance, report.engine.dtype);
  for (const GoldenCase& golden : bundle->contract().golden) {
    report.golden.push_back(
        {golden.image, try_golden(golden, *bundle, **engine, report.tolerance)});
    if (auto wanted = report_progress(progress, 1); !wanted) return wanted;
  }
  return Ok{};
}

}  // namespace

int VerifyReport::failures() const {
  const auto files_failed = std::count_if(files.begin(), files.end(),
                                          [](const VerifiedFile& f) { return !f.problem.empty(); });
  const auto golden_failed =
      std::count_if(golden.begin(), golden.end(),
                    [](const VerifiedGolden& g) { return !g.outcome.problem.empty(); });
  return static_cast<int>(files_failed + golden_failed) + (problem.empty() ? 0 : 1);
}

int64_t listed_bytes(const fs::path& directory) {
  const auto identity = read_contract(directory);
  int64_t bytes = 0;
  if (identity) {
    for (const BundleFile& file : identity->contract.files) bytes += file.bytes;
  }
  return bytes;
}

Result<VerifyReport> verify_bundle(const fs::path& directory, const MakeBundleEngine& make_engine,
                                   const BundleProgress& progress) {
  const auto identity = read_contract(directory);
  if (!identity) return identity.error();
  std::error_code code;
  const fs::path root = fs::canonical(directory, code);
  if (code) return Error{ErrorCode::kIo, directory.string() + ": " + code.message()};

  VerifyReport report;
  report.contract_hash = identity->contract_hash;
  report.unlisted = find_unlisted(root, identity->contract);
  OpenOptions options;
  options.progress = progress.bytes;
  const auto outcomes = check_files(root, identity->contract.files, options);
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const auto& error = outcomes[i].error;
    if (error && error->code == ErrorCode::kUnavailable) return *error;
    report.files.push_back({identity->contract.files[i], error ? error->message : ""});
  }
  if (report.failures() > 0) return report;
  const auto golden = check_golden_cases(directory, make_engine, progress.golden_cases, report);
  if (!golden && golden.error().code == ErrorCode::kUnavailable) return golden.error();
  if (!golden) report.problem = golden.error().message;
  return report;
}

}  // namespace beralih
