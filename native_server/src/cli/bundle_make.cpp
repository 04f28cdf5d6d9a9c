// beralih bundle make: a research result becomes a bundle.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "bundle/make_bundle.h"
#include "bundle/staged_directory.h"
#include "cli/bundle_commands.h"
#include "cli/preprocessing_flags.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "engine/engine_module.h"

namespace beralih {
namespace {

namespace fs = std::filesystem;

struct MakeFlags {
  std::string output;
  bool replace = false;
  bool json = false;
  PreprocessingFlags preprocessing;
  EngineOptions engine{.threads = 1,
                       .cpu_engine = CpuEngine::kMapped};  // packed bits follow the processor
  BundleInputs inputs;
};

/// A name is a part of file names and addresses.
CLI::Validator plain_name() {
  return {[](std::string& text) {
            const bool plain = !text.empty() && text.front() != '.' &&
                               text.find_first_not_of(
                                   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789._-") == std::string::npos;
            return plain ? std::string()
                         : "wants letters, digits, '.', '_' and '-', not \"" + text + "\"";
          },
          "NAME"};
}

void check_flags(const MakeFlags& flags) {
  const BundleInputs& inputs = flags.inputs;
  const bool whole = !inputs.model.empty();
  const bool parts = !inputs.architecture.empty() || !inputs.weights.empty();
  if (whole && parts) {
    throw CLI::ValidationError("--model",
                               "is a whole network: leave out --architecture and "
                               "--weights, or --model");
  }
  if (!whole && (inputs.architecture.empty() || inputs.weights.empty())) {
    throw CLI::ValidationError("--model",
                               "or both of --architecture and --weights must name the network");
  }
  if (flags.preprocessing.preset_name.empty() && flags.preprocessing.spec_file.empty())
    throw CLI::ValidationError("--preset", "or --spec must name the preprocessing");
}

void print_result(const MakeFlags& flags, const VerifiedContract& made) {
  if (flags.json) {
    const nlohmann::ordered_json json{
        {"bundle",             flags.output           },
        {"name",               made.contract.name     },
        {"version",            made.contract.version  },
        {"contract_hash",      made.contract_hash     },
        {"preprocessing_hash", made.preprocessing_hash}
    };
    std::puts(json.dump().c_str());
  } else {
    std::printf("%s: bundle %s %s\n  contract       %s\n  preprocessing  %s\n",
                flags.output.c_str(), made.contract.name.c_str(), made.contract.version.c_str(),
                made.contract_hash.c_str(), made.preprocessing_hash.c_str());
    for (const GoldenCase& golden : made.contract.golden) {
      std::printf("  %s: class %d, %.4f\n", golden.image.c_str(), golden.top5.front().index,
                  golden.top5.front().probability);
    }
    std::printf("  %s\n", made.contract.provenance.note.c_str());
  }
  flush_stdout();
}

void make(MakeFlags flags) {
  check_flags(flags);
  const auto named = named_spec(flags.preprocessing);
  if (!named) fail_command(named.error());
  const auto spec = with_settings(named->value(), flags.preprocessing);
  if (!spec) fail_command(spec.error());
  flags.inputs.preprocessing = *spec;
  if (flags.inputs.name.empty()) {
    const fs::path place = fs::absolute(flags.output).lexically_normal();
    flags.inputs.name = (place.has_filename() ? place : place.parent_path()).filename().string();
  }

  auto staged = StagedDirectory::create(flags.output, flags.replace);
  if (!staged) fail_command(staged.error());
  auto made = [&] {
    const std::jthread linking([] { (void)load_engine_module(); });  // while files are copied
    ProgressLine progress("copying", input_bytes(flags.inputs));
    return make_bundle(flags.inputs, (*staged)->path(),
                       [&](const Bundle& bundle) { return make_engine(bundle, flags.engine); },
                       {progress.callback(), progress.golden_cases()});
  }();
  if (!made) fail_command(made.error());
  if (auto committed = (*staged)->commit(); !committed) fail_command(committed.error());
  print_result(flags, *made);
}

void add_network_options(CLI::App& command, BundleInputs& inputs) {
  command
      .add_option("--model", inputs.model, "the whole network, a TorchScript file (torch.jit.save)")
      ->option_text("FILE.pt");
  command
      .add_option("--architecture", inputs.architecture,
                  "or: the network's program, a TorchScript file with empty tensors,")
      ->option_text("FILE.pt");
  command
      .add_option("--weights", inputs.weights,
                  "and its weights, mapped at each start instead of read")
      ->option_text("FILE.safetensors");
  command.add_option("--edge-model", inputs.edge_model, "the same network for the page")
      ->option_text("FILE.onnx");
  command.add_option("--labels", inputs.labels, "the classes, one a line, in the network's order")
      ->option_text("FILE.txt")
      ->required();
}

void add_golden_options(CLI::App& command, BundleInputs& inputs) {
  command
      .add_option("--image", inputs.images,
                  "a sample image, which becomes a golden case; may be given several times")
      ->option_text("FILE ...")
      ->required();
  command
      .add_option(
          "--probabilities", inputs.probabilities,
          "the research side's probabilities for the images; without it the engine computes "
          "them, and the provenance says so")
      ->option_text("FILE.json");
  command
      .add_option("--tolerance-fp32", inputs.tolerance.fp32,
                  "largest difference of a probability where the device computes in float32")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command.add_option("--tolerance-bf16", inputs.tolerance.bf16, "the same for bfloat16")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
}

void add_description_options(CLI::App& command, BundleInputs& inputs) {
  command.add_option("--name", inputs.name, "of the model (default: the name of OUTPUT)")
      ->check(plain_name());
  command.add_option("--model-version", inputs.version, "of the model")
      ->capture_default_str()
      ->check(plain_name());
  command.add_option("--description", inputs.description, "one sentence");
  Provenance& provenance = inputs.provenance;
  command.add_option("--source", provenance.source, "where the weights come from");
  command.add_option("--license", provenance.license, "of the weights, an SPDX expression");
  command.add_option("--parent", provenance.parent, "name of the bundle that this one grew from");
  command.add_option("--recipe", provenance.recipe, "what made the network");
  command.add_option("--note", provenance.note, "anything else that a reader should know");
}

}  // namespace

void add_bundle_make_command(CLI::App& bundle) {
  auto flags = std::make_shared<MakeFlags>();
  flags->inputs.version = "1.0.0";
  flags->inputs.tolerance = {1e-4, 0.03};
  CLI::App* command = bundle.add_subcommand(
      "make", "make a bundle from a network, its preprocessing, its labels and sample images");
  command->add_option("OUTPUT", flags->output, "directory to make")->required();
  command->add_flag("--replace", flags->replace, "put it in the place of the bundle that is there");
  add_network_options(*command, flags->inputs);
  add_preprocessing_flags(*command, *command, flags->preprocessing);
  add_golden_options(*command, flags->inputs);
  add_description_options(*command, flags->inputs);
  command
      ->add_option("--threads", flags->engine.threads,
                   "threads of the network; more than one may change the last digits")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_flag("--json", flags->json, "print the result as JSON");
  command->footer(
      "FILE.json: {\"source\": \"words\", \"golden\": [{\"image\": \"dog.jpg\", and either\n"
      "\"top5\": [{\"index\": 263, \"probability\": 0.82}, …] or \"probabilities\": [one for each "
      "class]}, …]}.\nA \"tensor_sha256\" beside them must be the SHA-256 of the tensor that the "
      "knobs make.\nThe same inputs make the same bytes.");
  command->callback([flags] { make(*flags); });
}

}  // namespace beralih
