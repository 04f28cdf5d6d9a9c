// beralih loadtest: an open-loop load on a running server, and a verdict.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "bundle/mapped_file.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "http/load_client.h"

namespace beralih {
namespace {

struct LoadFlags {
  LoadSettings settings;
  std::vector<std::string> images;
  std::string json_file;
  std::string key_file;
  std::string ca_file;
  bool insecure = false;
  double percentile = 99;
  double confidence = 99;
  bool no_keep_alive = false;
};

constexpr double kMostRequests = 20e6;
constexpr const char* kDefaultImage = "models/bundles/resnet34/golden/dog1.jpg";

[[noreturn]] void wrong_use(const std::string& message) {
  fail_command({ErrorCode::kInvalidArgument, message});
}

std::vector<LoadBody> image_bodies(const std::vector<std::string>& images, bool infer) {
  std::vector<LoadBody> bodies;
  for (const std::string& image : images) {
    const auto file = MappedFile::open(image);
    if (!file) fail_command(file.error());
    const auto bytes = (*file)->bytes();
    LoadBody body{
        "application/octet-stream", {bytes.begin(), bytes.end()},
         {             }
    };
    // The protocol's raw form: the whole body is one element of a BYTES input.
    if (infer)
      body.headers = {
          {"Inference-Header-Content-Length", "0"}
      };
    bodies.push_back(std::move(body));
  }
  return bodies;
}

// A tensor of the model's own shape; FP32 in [-0.5, 0.5), UINT8 over its whole range.
LoadBody tensor_body(const LoadTarget& target, bool binary, uint64_t seed) {
  const auto input = fetch_model_input(target);
  if (!input) fail_command(input.error());
  const auto& [datatype, shape] = *input;
  if (datatype != "FP32" && datatype != "UINT8")
    wrong_use("The model wants " + datatype + "; --body tensor and json know FP32 and UINT8");
  size_t elements = 1;
  for (const int64_t size : shape) elements *= static_cast<size_t>(size);
  std::mt19937_64 random(seed);
  nlohmann::ordered_json header{
      {"inputs", {{{"name", "input"}, {"datatype", datatype}, {"shape", shape}}}}
  };
  auto& tensor = header["inputs"][0];
  std::string data;
  for (size_t i = 0; i < elements; ++i) {
    const auto byte = static_cast<uint8_t>(random() & 0xff);
    const float value = static_cast<float>(byte) / 256.0F - 0.5F;
    if (!binary && datatype == "FP32") {
      tensor["data"].push_back(value);
    } else if (!binary) {
      tensor["data"].push_back(byte);
    } else if (datatype == "UINT8") {
      data.push_back(static_cast<char>(byte));
    } else {
      const size_t at = data.size();
      data.resize(at + sizeof value);
      std::memcpy(data.data() + at, &value, sizeof value);
    }
  }
  if (!binary) return {"application/json", header.dump(), {}};
  tensor["parameters"] = {
      {"binary_data_size", data.size()}
  };
  const std::string text = header.dump();
  return {"application/octet-stream",
          text + data,
          {{"Inference-Header-Content-Length", std::to_string(text.size())}}};
}

void show_progress(const LoadSettings& settings, uint64_t total, const LoadProgress& progress,
                   double& next_line_s) {
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  if (!terminal && progress.seconds < next_line_s) return;
  constexpr double kPlainStep = 10;  // a log wants few lines
  next_line_s = progress.seconds + kPlainStep;
  constexpr int kWidth = 30;
  const double share =
      total ? static_cast<double>(progress.done) / static_cast<double>(total) : 1.0;
  const auto filled = static_cast<size_t>(share * kWidth);
  const std::string bar = std::string(filled, '#') + std::string(kWidth - filled, '.');
  std::fprintf(stderr, "%s[%s] %3.0f %%  %.0f of %.0f s, %llu answered, %llu not served%s",
               terminal ? "\r\033[K" : "", bar.c_str(), share * 100,
               std::max(0.0, progress.seconds), settings.duration_s,
               static_cast<unsigned long long>(progress.done),
               static_cast<unsigned long long>(progress.failed), terminal ? "" : "\n");
  std::fflush(stderr);
}

void load_test(LoadFlags& flags) {
  LoadSettings& settings = flags.settings;
  auto target = parse_load_target(settings.url);
  if (!target) fail_command(target.error());
  target->server.ca_file = flags.ca_file;
  target->server.verify = !flags.insecure;
  if (!flags.key_file.empty()) {
    auto key = read_key_file(flags.key_file);
    if (!key) fail_command(key.error());
    target->server.api_key = *std::move(key);
  }
  if (settings.rate * settings.duration_s > kMostRequests)
    wrong_use("--rate times --duration is over 20 million requests; lower one of them");
  if (settings.connections == 0) {
    // Enough for a second of answers that take a second.
    constexpr double kFewest = 16;
    constexpr double kMost = 256;
    settings.connections =
        static_cast<size_t>(std::clamp(std::ceil(settings.rate), kFewest, kMost));
  }
  settings.keep_alive = !flags.no_keep_alive;
  settings.claim = {flags.percentile / 100, flags.confidence / 100};
  if (settings.body != "image" && !flags.images.empty())
    wrong_use("--image goes with --body image; a tensor of the model's shape is made here");

  std::vector<LoadBody> bodies;
  if (settings.body == "image") {
    if (flags.images.empty()) flags.images.emplace_back(kDefaultImage);
    bodies = image_bodies(flags.images, target->path.ends_with("/infer"));
  } else {
    bodies.push_back(tensor_body(*target, settings.body == "tensor", settings.seed));
  }

  const auto arrivals = poisson_arrivals(
      settings.rate,
      std::chrono::nanoseconds(static_cast<int64_t>(std::llround(settings.duration_s * 1e9))),
      bodies.size(), settings.seed);
  if (arrivals.empty())
    wrong_use("No request falls into the test at this --rate, --duration and --seed");
  std::ofstream json;
  if (!flags.json_file.empty()) {  // before the minutes of the test
    json.open(flags.json_file);
    if (!json) fail_command({ErrorCode::kIo, flags.json_file + " cannot be written"});
  }
  if (const auto probed = probe_load(*target, bodies); !probed) fail_command(probed.error());

  double next_line_s = 0;
  LoadHooks hooks;
  hooks.on_progress = [&](const LoadProgress& progress) {
    show_progress(settings, arrivals.size(), progress, next_line_s);
  };
  const LoadTestRecord record = run_load({*target}, bodies, arrivals, settings, hooks);
  if (::isatty(STDERR_FILENO) == 1) std::fputs("\r\033[K", stderr);
  std::fputs(load_report_text(record, settings).c_str(), stdout);
  flush_stdout();
  if (json.is_open() && !(json << load_report_json(record, settings)).flush())
    fail_command({ErrorCode::kIo, flags.json_file + " cannot be written"});
  if (!claim_holds(settings.claim, record.scheduled, record.over_limit()))
    throw CLI::RuntimeError(1);
}

}  // namespace

void add_loadtest_command(CLI::App& app) {
  auto flags = std::make_shared<LoadFlags>();
  flags->settings.body = "image";
  LoadSettings& settings = flags->settings;
  CLI::App* command = app.add_subcommand(
      "loadtest",
      "send seeded Poisson arrivals to a server; exit 0 if it holds its latency, else 1");
  command
      ->add_option(
          "URL,--url", settings.url,
          "what is called, e.g. http://127.0.0.1:8080/api/classify or …/v2/models/NAME/infer")
      ->required()
      ->option_text("URL");
  command
      ->add_option("--key-file", flags->key_file,
                   "file whose first line is an API key, for a server that asks for one")
      ->envname("BERALIH_KEY_FILE")
      ->option_text("FILE");
  command
      ->add_option("--ca-file", flags->ca_file,
                   "PEM file of who signed an https server's certificate (default: whom the system "
                   "trusts)")
      ->option_text("FILE");
  command->add_flag("--insecure", flags->insecure, "do not check an https server's certificate");
  command->add_option("--rate", settings.rate, "requests a second, on average")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  command->add_option("--duration", settings.duration_s, "seconds of arrivals")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  command
      ->add_option("--image", flags->images,
                   "images to send, chosen at random (default: a golden picture of resnet34)")
      ->option_text("FILE…");
  command
      ->add_option(
          "--body", settings.body,
          "image: the file's bytes; tensor: the binary tensor extension; json: a tensor in JSON")
      ->check(CLI::IsMember({"image", "tensor", "json"}))
      ->option_text("image|tensor|json");
  command
      ->add_option("--connections", settings.connections,
                   "at most so many at once; 0: by the rate, 16 to 256")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command
      ->add_option("--seed", settings.seed, "of the arrivals; the same seed is the same schedule")
      ->check(CLI::Range(uint64_t{0}, UINT64_MAX))
      ->capture_default_str();
  command
      ->add_option("--deadline-ms", settings.deadline_ms, "sent along with each request; 0: none")
      ->check(CLI::Range(int64_t{0}, int64_t{86'400'000}))
      ->capture_default_str();
  command
      ->add_option("--percentile", flags->percentile, "of all requests that must hold the latency")
      ->check(CLI::Range(1.0, 99.999))
      ->capture_default_str();
  command->add_option("--latency-ms", settings.limit_ms, "the latency they must hold")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  command->add_option("--confidence", flags->confidence, "of the verdict, in percent")
      ->check(CLI::Range(50.0, 99.9999))
      ->capture_default_str();
  command->add_flag("--no-keep-alive", flags->no_keep_alive, "a new connection for each request");
  command->add_option("--json", flags->json_file, "where the report goes (beralih.loadtest/1)")
      ->option_text("FILE");
  command->callback([flags] { load_test(*flags); });
}

}  // namespace beralih
