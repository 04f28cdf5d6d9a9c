// beralih bundle pack and unpack: a bundle as one file, named by one digest.
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "bundle/pack.h"
#include "bundle/staged_directory.h"
#include "bundle/verify_bundle.h"
#include "cli/bundle_commands.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/report.h"

namespace beralih {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDigestDigits = 16;  // in a file name; the whole one is printed

struct PackFlags {
  std::string bundle = kDefaultBundle;
  std::string output;
};

struct UnpackFlags {
  std::string archive;
  std::string output;
  std::string expected_contract;
  bool replace = false;
};

/// The model's name may hold anything; a file name may not.
std::string archive_name(const VerifiedContract& identity) {
  std::string name = identity.contract.name;
  for (char& c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) == 0 && c != '-' && c != '_' && c != '.') c = '_';
  }
  return name + "-" + identity.contract_hash.substr(0, kDigestDigits) + ".tar";
}

void pack(const PackFlags& flags) {
  const auto identity = read_contract(flags.bundle);
  if (!identity) fail_command(identity.error());
  const std::string output = flags.output.empty() ? archive_name(*identity) : flags.output;
  const auto packed = [&] {
    ProgressLine progress("packing", 2 * listed_bytes(flags.bundle));  // hashed, then written
    return pack_bundle(flags.bundle, output, progress.callback());
  }();
  if (!packed) fail_command(packed.error());
  std::printf("%s: %s\n  contract  %s\n  archive   %s\n", output.c_str(),
              readable_bytes(packed->bytes).c_str(), identity->contract_hash.c_str(),
              packed->sha256.c_str());
  flush_stdout();
}

void unpack(const UnpackFlags& flags) {
  auto staged = StagedDirectory::create(flags.output, flags.replace);
  if (!staged) fail_command(staged.error());
  const auto unpacked = [&] {
    std::error_code code;
    const auto size = fs::file_size(flags.archive, code);
    ProgressLine progress("unpacking", code ? 0 : static_cast<int64_t>(size));
    return unpack_bundle(flags.archive, (*staged)->path(), progress.callback());
  }();
  if (!unpacked) fail_command(unpacked.error());
  if (!flags.expected_contract.empty() && flags.expected_contract != unpacked->contract_hash) {
    fail_command({ErrorCode::kInvalidBundle,
                  flags.archive + ": its contract is " + unpacked->contract_hash +
                      ", but --expect-contract asks for " + flags.expected_contract});
  }
  if (auto committed = (*staged)->commit(); !committed) fail_command(committed.error());
  std::printf("%s: bundle %s %s\n  contract  %s\n", flags.output.c_str(),
              unpacked->contract.name.c_str(), unpacked->contract.version.c_str(),
              unpacked->contract_hash.c_str());
  flush_stdout();
}

}  // namespace

void add_bundle_pack_command(CLI::App& bundle) {
  auto flags = std::make_shared<PackFlags>();
  CLI::App* command = bundle.add_subcommand(
      "pack", "check a bundle's hashes and write it as one .tar; the same bundle, the same bytes");
  command->add_option("BUNDLE", flags->bundle, "directory of the bundle")->capture_default_str();
  command->add_option("--out", flags->output,
                      "file to write, replaced if it exists (default: NAME-DIGEST.tar here)");
  command->callback([flags] { pack(*flags); });
}

void add_bundle_unpack_command(CLI::App& bundle) {
  auto flags = std::make_shared<UnpackFlags>();
  CLI::App* command =
      bundle.add_subcommand("unpack", "check an archive of `pack` and make the bundle from it");
  command->add_option("ARCHIVE", flags->archive, "the .tar file")->required();
  command->add_option("OUTPUT", flags->output, "directory to make")->required();
  command->add_option("--expect-contract", flags->expected_contract,
                      "SHA-256 that contract.json must have; anything else is refused");
  command->add_flag("--replace", flags->replace, "put it in the place of the bundle that is there");
  command->callback([flags] { unpack(*flags); });
}

}  // namespace beralih
