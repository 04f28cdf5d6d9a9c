// beralih bundle verify: does this bundle do here what it promises?
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "bundle/verify_bundle.h"
#include "cli/bundle_commands.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "engine/device_choice.h"
#include "engine/engine_module.h"

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;

struct VerifyFlags {
  std::string bundle = kDefaultBundle;
  EngineOptions engine;
  std::string device = "cpu";
  bool json = false;
};

Json with_problem(Json json, const std::string& problem) {
  json["ok"] = problem.empty();
  if (!problem.empty()) json["problem"] = problem;
  return json;
}

Json describe(const VerifyFlags& flags, const VerifyReport& report) {
  Json json;
  json["bundle"] = flags.bundle;
  json["ok"] = report.ok();
  if (!report.problem.empty()) json["problem"] = report.problem;
  json["contract_hash"] = report.contract_hash;
  json["device"] = report.engine.device;
  json["dtype"] = report.engine.dtype;
  json["library"] = report.engine.library;
  json["files"] = Json::array();
  for (const VerifiedFile& file : report.files) {
    json["files"].push_back(with_problem(
        {
            {"role",   file.file.role  },
            {"path",   file.file.path  },
            {"bytes",  file.file.bytes },
            {"sha256", file.file.sha256}
    },
        file.problem));
  }
  json["golden"] = Json::array();
  for (const VerifiedGolden& golden : report.golden) {
    json["golden"].push_back(with_problem(
        {
            {"image",                      golden.image                 },
            {"tensor_equal",               golden.outcome.tensor_equal  },
            {"max_probability_difference", golden.outcome.max_difference},
            {"tolerance",                  report.tolerance             }
    },
        golden.outcome.problem));
  }
  json["unlisted_files"] = report.unlisted;
  return json;
}

void print_row(bool ok, const std::string& what, const std::string& value,
               const std::string& problem) {
  std::printf("  %-6s  %-28s  %s\n", ok ? "ok" : "FAILED", what.c_str(),
              problem.empty() ? value.c_str() : problem.c_str());
}

void print_table(const VerifyFlags& flags, const VerifyReport& report) {
  std::printf("%s  contract %s\n", flags.bundle.c_str(), report.contract_hash.c_str());
  for (const VerifiedFile& file : report.files) {
    print_row(file.problem.empty(), file.file.path,
              file.file.sha256 + "  " + readable_bytes(file.file.bytes), file.problem);
  }
  for (const VerifiedGolden& golden : report.golden) {
    char text[128];
    std::snprintf(text, sizeof text, "tensor equal, probabilities within %.1e of %.0e",
                  golden.outcome.max_difference, report.tolerance);
    print_row(golden.outcome.problem.empty(), golden.image, text, golden.outcome.problem);
  }
  for (const std::string& path : report.unlisted) {
    std::printf("  note    %-28s  not named in the contract: not checked, never read\n",
                path.c_str());
  }
  if (!report.problem.empty()) print_row(false, "network", "", report.problem);
  const auto wrong = static_cast<size_t>(report.failures());
  if (wrong == 0) {
    std::printf("verified: %zu files and %zu golden cases, on %s in %s (%s)\n", report.files.size(),
                report.golden.size(), report.engine.device.c_str(), report.engine.dtype.c_str(),
                report.engine.library.c_str());
  } else {
    std::printf("NOT verified: %zu of the checks failed\n", wrong);
  }
}

/// Errors: kInvalidArgument for a device that this build cannot compute on.
Status check_device(const std::string& device) {
  const auto parsed = parse_device(device);
  if (!parsed) return Error{ErrorCode::kInvalidArgument, "--device: " + parsed.error().message};
  if (parsed->kind != DeviceKind::kCuda || BERALIH_CUDA) return Ok{};
  return Error{ErrorCode::kInvalidArgument,
               "--device " + device +
                   ": this build computes on the CPU only; verify there, or use a build whose "
                   "libtorch has CUDA"};
}

void verify(const VerifyFlags& flags) {
  if (auto usable = check_device(flags.device); !usable) fail_command(usable.error());
  EngineOptions engine = flags.engine;
  engine.device = flags.device;
  const auto report = [&] {
    const std::jthread linking([] { (void)load_engine_module(); });  // while files are hashed
    ProgressLine progress("hashing", listed_bytes(flags.bundle));
    return verify_bundle(flags.bundle,
                         [&](const Bundle& bundle) { return make_engine(bundle, engine); },
                         {progress.callback(), progress.golden_cases()});
  }();
  if (!report) {
    if (flags.json) {
      const Json json{
          {"bundle",  flags.bundle          },
          {"ok",      false                 },
          {"problem", report.error().message}
      };
      std::puts(json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
    }
    fail_command(report.error());
  }
  if (flags.json) {
    std::puts(describe(flags, *report).dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    print_table(flags, *report);
  }
  flush_stdout();
  if (!report->ok()) throw CLI::RuntimeError(1);
}

}  // namespace

void add_bundle_verify_command(CLI::App& bundle) {
  auto flags = std::make_shared<VerifyFlags>();
  CLI::App* command = bundle.add_subcommand(
      "verify", "check every hash, every golden tensor (exactly) and every golden probability");
  command->add_option("BUNDLE", flags->bundle, "directory of the bundle")
      ->envname("BERALIH_BUNDLE")
      ->capture_default_str();
  command->add_option("--threads", flags->engine.threads, "threads of the network; 0: one per core")
      ->envname("BERALIH_THREADS")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command
      ->add_option("--device", flags->device,
                   "where the network computes; the contract's tolerance for that device's dtype "
                   "counts")
      ->envname("BERALIH_DEVICE")
      ->capture_default_str();
  command->add_flag("--json", flags->json, "one JSON object instead of a table");
  command->footer("Exit status: 0 if everything is as the contract says, 1 if anything is not.");
  command->callback([flags] { verify(*flags); });
}

}  // namespace beralih
