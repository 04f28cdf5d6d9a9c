// beralih preprocess: only the core, for looking at what the network would receive.
#include <cmath>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "beralih/preprocess.h"
#include "beralih/resize_kernels.h"
#include "beralih/sha256.h"
#include "bundle/bundle.h"
#include "cli/commands.h"
#include "cli/npy.h"
#include "cli/preprocessing_flags.h"
#include "cli/report.h"

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;

struct PreprocessFlags {
  std::string bundle = kDefaultBundle;
  PreprocessingFlags preprocessing;
  int64_t max_pixels = kDefaultMaxPixels;
  bool json = false;
  bool tensor_only = false;
  std::string resize_kernels;
  std::string dtype;
  std::string layout;
  std::string npy;
  std::vector<std::string> images;
};

Result<PreprocessSpec> chosen_spec(const PreprocessFlags& flags) {
  const auto named = named_spec(flags.preprocessing);
  if (!named) return named.error();
  if (*named) return with_settings(**named, flags.preprocessing);
  const auto identity = read_contract(flags.bundle);
  if (!identity) return identity.error();
  return with_settings(identity->contract.preprocessing, flags.preprocessing);
}

double rounded(double milliseconds) { return std::round(milliseconds * 1000) / 1000; }

void print_json(const Json& json) {
  std::fputs((json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n").c_str(), stdout);
  flush_stdout();
}

// `trace` is null where only the tensor was asked for.
Json describe(const std::string& image, const PreprocessResult& result,
              const PreprocessTrace* trace) {
  Json json;
  json["file"] = image;
  json["format"] = image_format_name(result.header.format);
  json["width"] = result.oriented.width;
  json["height"] = result.oriented.height;
  if (trace != nullptr) {
    json["pixels_sha256"] = sha256_hex(trace->decoded.pixels);
    json["crop_sha256"] = sha256_hex(trace->cropped.pixels);
  }
  json["tensor_sha256"] = sha256_hex(result.tensor.bytes());
  json["shape"] = result.tensor.shape;
  json["dtype"] = dtype_knob_name(result.tensor.dtype());
  json["timings_ms"] = {
      {"decode",    rounded(result.timings.decode_ms)   },
      {"resize",    rounded(result.timings.resize_ms)   },
      {"normalize", rounded(result.timings.normalize_ms)}
  };
  return json;
}

// One line, so that two runs can be compared with sort and diff.
void print_text(const Json& json) {
  std::printf("%s  %s %dx%d", json["file"].get<std::string>().c_str(),
              json["format"].get<std::string>().c_str(), json["width"].get<int>(),
              json["height"].get<int>());
  for (const char* stage : {"pixels", "crop", "tensor"}) {
    const std::string key = std::string(stage) + "_sha256";
    if (json.contains(key)) std::printf("  %s %s", stage, json[key].get<std::string>().c_str());
  }
  std::printf("  %s %s", json["dtype"].get<std::string>().c_str(), json["shape"].dump().c_str());
  const Json& times = json["timings_ms"];
  std::printf("  ms decode %.3f, resize %.3f, normalize %.3f\n", times["decode"].get<double>(),
              times["resize"].get<double>(), times["normalize"].get<double>());
}

Status preprocess_one(const std::string& image, const PreprocessSpec& spec,
                      const PreprocessFlags& flags) {
  const auto file = MappedFile::open(image);
  if (!file) return file.error();
  PreprocessTrace kept;
  PreprocessTrace* trace = flags.tensor_only ? nullptr : &kept;
  const auto result = preprocess((*file)->bytes(), spec, flags.max_pixels, trace);
  if (!result) return result.error();
  if (!flags.npy.empty()) {
    if (auto written = write_npy(flags.npy, result->tensor); !written) return written.error();
  }
  const Json json = describe(image, *result, trace);
  if (flags.json) {
    print_json(json);
  } else {
    print_text(json);
    flush_stdout();
  }
  return Ok{};
}

void run_preprocess(const PreprocessFlags& flags) {
  const auto spec = chosen_spec(flags);
  if (!spec) fail_command(spec.error());
  if (!flags.resize_kernels.empty() && !use_resize_kernels(flags.resize_kernels)) {
    std::string known;
    for (const std::string_view name : resize_kernel_names()) {
      known += known.empty() ? "" : ", ";
      known += name;
    }
    fail_command({ErrorCode::kInvalidArgument, "--resize-kernels: this processor has " + known +
                                                   ", not \"" + flags.resize_kernels + '"'});
  }
  bool failed = false;
  for (const std::string& image : flags.images) {
    const auto done = preprocess_one(image, *spec, flags);
    if (done) continue;
    failed = true;
    const Error& error = done.error();
    if (flags.json) {
      Json json;
      json["file"] = image;
      json["error"] = {
          {"code",    error_code_name(error.code)},
          {"message", error.message              }
      };
      print_json(json);
    } else {
      const bool named = error.code == ErrorCode::kIo;  // those messages begin with the path
      std::cerr << "beralih: " << (named ? "" : image + ": ") << error.message << '\n';
    }
  }
  if (failed) throw CLI::RuntimeError(1);
}

}  // namespace

void add_preprocess_command(CLI::App& app) {
  auto flags = std::make_shared<PreprocessFlags>();
  CLI::App* command = app.add_subcommand(
      "preprocess", "show the tensor that an image becomes: sizes, hashes, times");
  auto* source = command->add_option_group("source", "where the knobs come from");
  source->add_option("--bundle", flags->bundle, "a bundle's contract")
      ->envname("BERALIH_BUNDLE")
      ->capture_default_str();
  add_preprocessing_flags(*command, *source, flags->preprocessing);
  command->add_option("--max-pixels", flags->max_pixels, "most pixels of an image")
      ->envname("BERALIH_MAX_PIXELS")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->capture_default_str();
  command->add_flag("--json", flags->json, "one JSON object a line");
  command->add_flag("--tensor-only", flags->tensor_only,
                    "only the tensor's hash, made as the server makes it: in one pass where the "
                    "format allows, without keeping the pixels in between");
  command
      ->add_option("--resize-kernels", flags->resize_kernels,
                   "the instruction set that resizes, e.g. scalar; every one makes the same bytes "
                   "(default: the fastest)")
      ->envname("BERALIH_RESIZE_KERNELS");
  command->add_option("--dtype", flags->dtype, "float32 or uint8: as --set dtype=");
  command->add_option("--layout", flags->layout, "NCHW or NHWC: as --set layout=");
  command->add_option("--npy", flags->npy, "write the tensor of the one image to this .npy file");
  command->add_option("IMAGE", flags->images, "JPEG, PNG, WebP, GIF or BMP files")->required();
  command->callback([flags] {
    if (!flags->npy.empty() && flags->images.size() != 1)
      throw CLI::ValidationError("--npy", "takes exactly one IMAGE");
    // They win over --set, which names the same knobs.
    for (const auto& [knob, value] :
         {std::pair("dtype=", flags->dtype), std::pair("layout=", flags->layout)}) {
      if (!value.empty()) flags->preprocessing.settings.push_back(knob + value);
    }
    run_preprocess(*flags);
  });
}

}  // namespace beralih
