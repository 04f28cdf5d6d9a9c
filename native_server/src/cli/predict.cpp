// beralih predict: the server's pipeline without the server.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bundle/mapped_file.h"
#include "cli/commands.h"
#include "cli/loading_flags.h"
#include "cli/report.h"
#include "engine/classifier.h"
#include "engine/engine_module.h"
#include "http/wire.h"

namespace beralih {
namespace {

struct PredictFlags {
  std::string bundle = kDefaultBundle;
  EngineOptions engine;
  ClassifierOptions classifier;
  size_t top_k = kDefaultTopK;
  bool json = false;
  std::vector<std::string> images;
};

void print_table(const std::string& image, const Classification& answer,
                 const Classifier& classifier) {
  std::printf("%s  %.*s %dx%d  tensor %s  %.1f ms\n", image.c_str(),
              static_cast<int>(image_format_name(answer.format).size()),
              image_format_name(answer.format).data(), answer.image_size.width,
              answer.image_size.height, answer.tensor_sha256.c_str(), answer.timings.total_ms);
  for (const Prediction& prediction : answer.predictions) {
    std::printf("  %6.2f %%  %4d  %s\n", prediction.probability * 100, prediction.index,
                classifier.bundle().labels[static_cast<size_t>(prediction.index)].c_str());
  }
}

void predict(const PredictFlags& flags) {
  const std::jthread linking(
      [] { (void)load_engine_module(); });  // while the bundle is being hashed
  const auto loaded = Classifier::load(
      flags.bundle, [&](const Bundle& bundle) { return make_engine(bundle, flags.engine); },
      flags.classifier);
  if (!loaded) fail_command(loaded.error());
  Classifier& classifier = **loaded;

  bool failed = false;
  for (const std::string& image : flags.images) {
    const auto file = MappedFile::open(image);
    if (!file) {
      std::cerr << "beralih: " << file.error().message << '\n';
      failed = true;
      continue;
    }
    const auto answer = classifier.classify(
        (*file)->bytes(), std::min(flags.top_k, classifier.bundle().labels.size()));
    if (!answer) {
      std::cerr << "beralih: " << image << ": " << answer.error().message << '\n';
      failed = true;
    } else if (flags.json) {
      std::fputs(classification_json(*answer, classifier, make_request_id(), image).c_str(),
                 stdout);
    } else {
      print_table(image, *answer, classifier);
    }
    flush_stdout();
  }
  if (failed) throw CLI::RuntimeError(1);
}

}  // namespace

void add_predict_command(CLI::App& app) {
  auto flags = std::make_shared<PredictFlags>();
  CLI::App* command = app.add_subcommand("predict", "classify images from the command line");
  command->add_option("--bundle", flags->bundle, "directory of the bundle")
      ->envname("BERALIH_BUNDLE")
      ->capture_default_str();
  add_loading_flags(*command, flags->classifier.open);
  command->add_option("--threads", flags->engine.threads, "threads of the network; 0: one per core")
      ->envname("BERALIH_THREADS")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->add_option("--max-pixels", flags->classifier.max_pixels, "most pixels of an image")
      ->envname("BERALIH_MAX_PIXELS")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->capture_default_str();
  command->add_option("-k,--top-k", flags->top_k, "how many classes to print")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_flag("--json", flags->json,
                    "one JSON object a line: the file, then what POST /api/classify answers");
  command->add_option("IMAGE", flags->images, "JPEG, PNG, WebP, GIF or BMP files")->required();
  command->callback([flags] { predict(*flags); });
}

}  // namespace beralih
