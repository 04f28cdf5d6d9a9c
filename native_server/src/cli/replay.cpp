// beralih replay: computes a prediction again from its receipt and says whether it is the same.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "beralih/sha256.h"
#include "bundle/mapped_file.h"
#include "cli/commands.h"
#include "cli/loading_flags.h"
#include "cli/report.h"
#include "engine/classifier.h"
#include "engine/engine_module.h"
#include "receipt/receipt.h"
#include "telemetry/processor.h"

namespace beralih {
namespace {

struct ReplayFlags {
  std::string receipt;
  bool threads_given = false;
  std::string bundle = kDefaultBundle;
  std::string image;
  EngineOptions engine;
  ClassifierOptions classifier;
};

// Given, or the file of that name beside the receipt, or the bundle's own picture with that hash.
std::filesystem::path find_image(const ReplayFlags& flags, const Receipt& receipt,
                                 const Bundle& bundle) {
  if (!flags.image.empty()) return flags.image;
  const std::filesystem::path name = std::filesystem::path(receipt.image_name).filename();
  if (!name.empty()) {
    const auto beside = std::filesystem::path(flags.receipt).parent_path() / name;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(beside, ignored)) return beside;
  }
  for (const BundleFile& file : bundle.contract().files) {
    if (file.sha256 == receipt.image_sha256) return bundle.directory / file.path;
  }
  fail_command({ErrorCode::kInvalidArgument,
                "The image itself is not in the receipt: name its file with --image (SHA-256 " +
                    receipt.image_sha256.substr(0, 64) + ")"});
}

Receipt receipt_of(const Classification& answer, const Classifier& classifier) {
  const VerifiedContract& identity = classifier.bundle().identity;
  const EngineMetadata& engine = classifier.engine();
  Receipt receipt;
  receipt.model_name = identity.contract.name;
  receipt.model_version = identity.contract.version;
  receipt.contract_hash = identity.contract_hash;
  receipt.preprocessing_hash = identity.preprocessing_hash;
  receipt.image_sha256 = answer.image_sha256;
  receipt.image_format = image_format_name(answer.format);
  receipt.image_bytes = static_cast<int64_t>(answer.image_bytes);
  receipt.width = answer.image_size.width;
  receipt.height = answer.image_size.height;
  receipt.tensor_datatype = answer.tensor_datatype;
  receipt.tensor_shape = answer.tensor_shape;
  ReceiptSide side;
  side.name = "here";
  side.device = engine.device + " " + engine.dtype + ", threads " + std::to_string(engine.threads);
  side.library = engine.library;
  side.engine =
      ReceiptEngine{engine.library,         engine.device,  engine.variant,
                    engine.dtype,           engine.threads, static_cast<int>(answer.batch_rows),
                    processor_description()};
  side.tensor_sha256 = answer.tensor_sha256;
  side.logits_sha256 = answer.logits_sha256;
  for (const Prediction& prediction : answer.predictions) {
    side.predictions.push_back({prediction.index,
                                classifier.bundle().labels[static_cast<size_t>(prediction.index)],
                                prediction.probability});
  }
  receipt.sides.push_back(std::move(side));
  return receipt;
}

ReceiptTolerance tolerance_of(const Contract& contract, const Receipt& theirs,
                              const Receipt& ours) {
  const auto in_bf16 = [](const ReceiptSide& side) {
    return side.engine ? side.engine->dtype == "bf16"
                       : side.device.find("bf16") != std::string::npos;
  };
  const bool bf16 =
      in_bf16(ours.sides.front()) || std::any_of(theirs.sides.begin(), theirs.sides.end(), in_bf16);
  ReceiptTolerance tolerance;
  tolerance.server = bf16 ? contract.tolerance.bf16 : contract.tolerance.fp32;
  tolerance.page = tolerance.server;
  if (contract.edge_agreement)
    tolerance.page += contract.edge_agreement->max_abs_probability_difference;
  return tolerance;
}

/// Computes as the receipt's server did, where the receipt says how: only then are the same bits to
/// be expected.
void follow(const Receipt& receipt, ReplayFlags& flags) {
  constexpr int kMostThreads = 1024;
  constexpr int kMostRows = 1024;
  for (const ReceiptSide& side : receipt.sides) {
    if (!side.engine) continue;
    const ReceiptEngine& engine = *side.engine;
    if (!flags.threads_given) flags.engine.threads = std::clamp(engine.threads, 0, kMostThreads);
    const bool packed = engine.variant == "packed";
    flags.engine.cpu_engine = packed                         ? CpuEngine::kPacked
                              : engine.variant == "winograd" ? CpuEngine::kWinograd
                                                             : CpuEngine::kMapped;
    flags.engine.dtype = packed ? engine.dtype : "auto";
    flags.classifier.max_batch = static_cast<size_t>(std::clamp(engine.batch_rows, 1, kMostRows));
    flags.classifier.deterministic = flags.classifier.max_batch > 1;
  }
}

void replay(ReplayFlags flags) {
  const auto text = read_text(flags.receipt);
  if (!text) fail_command(text.error());
  const auto theirs = parse_receipt(*text);
  if (!theirs) {
    fail_command(
        {ErrorCode::kInvalidArgument, flags.receipt + " is no receipt: " + theirs.error().message});
  }
  follow(*theirs, flags);
  const auto loaded = Classifier::load(
      flags.bundle, [&](const Bundle& bundle) { return make_engine(bundle, flags.engine); },
      flags.classifier);
  if (!loaded) fail_command(loaded.error());
  Classifier& classifier = **loaded;
  const std::filesystem::path path = find_image(flags, *theirs, classifier.bundle());
  const auto file = MappedFile::open(path);
  if (!file) fail_command(file.error());
  const auto answer = classifier.classify((*file)->bytes(), classifier.bundle().labels.size());
  if (!answer) fail_command({answer.error().code, path.string() + ": " + answer.error().message});

  const Receipt ours = receipt_of(*answer, classifier);
  const auto rows =
      compare_receipts(*theirs, ours, tolerance_of(classifier.bundle().contract(), *theirs, ours));
  size_t width = 0;
  for (const ReceiptRow& row : rows) width = std::max(width, row.field.size());
  bool same = true;
  for (const ReceiptRow& row : rows) {
    const char* verdict = row.agreement == Agreement::kSame        ? "same"
                          : row.agreement == Agreement::kExplained ? "other bits"
                                                                   : "DIFFERS";
    std::printf("%-*s  %-10s  %s\n", static_cast<int>(width), row.field.c_str(), verdict,
                row.note.c_str());
    same = same && row.agreement != Agreement::kDiffers;
  }
  std::puts(same ? "The prediction is the same." : "The prediction is NOT the same.");
  flush_stdout();
  if (!same) throw CLI::RuntimeError(1);
}

}  // namespace

void add_replay_command(CLI::App& app) {
  auto flags = std::make_shared<ReplayFlags>();
  CLI::App* command = app.add_subcommand(
      "replay", "compute a prediction again from its receipt; exit 0 if it is the same, else 1");
  command
      ->add_option("RECEIPT", flags->receipt,
                   "a receipt of the page, or an answer of POST /api/classify")
      ->required();
  command->add_option("--bundle", flags->bundle, "directory of the bundle")
      ->envname("BERALIH_BUNDLE")
      ->capture_default_str();
  command
      ->add_option("--image", flags->image,
                   "the image (default: the file that the receipt names, beside it, or the "
                   "bundle's picture with its hash)")
      ->option_text("FILE");
  add_loading_flags(*command, flags->classifier.open);
  CLI::Option* threads =
      command
          ->add_option("--threads", flags->engine.threads,
                       "threads of the network; 0: one per core (default: as the receipt says)")
          ->envname("BERALIH_THREADS")
          ->check(CLI::Range(0, 1024));
  command->callback([flags, threads] {
    flags->threads_given = threads->count() > 0;
    replay(*flags);
  });
}

}  // namespace beralih
