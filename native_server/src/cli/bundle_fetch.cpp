// beralih bundle fetch: the checkpoint of a catalogued model, from its official address or a file.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bundle/download.h"
#include "bundle/file_check.h"
#include "bundle/file_writer.h"
#include "bundle/mapped_file.h"
#include "cli/bundle_commands.h"
#include "cli/progress.h"
#include "cli/report.h"

namespace beralih {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kBytesPerMegabyte = 1'000'000;

struct FetchFlags {
  std::string name;
  std::string from;
  std::string catalog;
  std::string directory;
  bool list = false;
};

/// A row of the catalogue's "models".
struct CatalogModel {
  std::string name;     ///< torchvision's name of the network
  std::string weights;  ///< e.g. "ViT_L_16_Weights.IMAGENET1K_V1"
  std::string url;
  std::string sha256_prefix;  ///< as many digits as the publisher states
  std::string license;
  double top1 = 0;
  int64_t megabytes = 0;

  std::string file() const { return url.substr(url.rfind('/') + 1); }
};

Error failed(const std::string& what) { return Error{ErrorCode::kIo, what}; }

/// The file's name goes into a path, the prefix decides what is accepted.
bool is_sound(const CatalogModel& model) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  constexpr std::string_view kNameCharacters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  const std::string file = model.file();
  return (model.url.starts_with("https://") || model.url.starts_with("http://")) && !file.empty() &&
         file.front() != '.' && file.find_first_not_of(kNameCharacters) == std::string::npos &&
         model.sha256_prefix.size() >= 8 &&
         model.sha256_prefix.find_first_not_of(kHexDigits) == std::string::npos;
}

Result<std::vector<CatalogModel>> read_catalog(const std::string& path) {
  const auto file = MappedFile::open(path);
  if (!file) return failed(file.error().message + "; name the catalogue with --catalog");
  const auto bytes = (*file)->bytes();
  try {
    const auto json = nlohmann::json::parse(bytes.begin(), bytes.end());
    std::vector<CatalogModel> models;
    for (const auto& row : json.at("models")) {
      CatalogModel model{row.at("name"),          row.at("weights"), row.at("url"),
                         row.at("sha256_prefix"), row.at("license"), row.at("top1"),
                         row.at("megabytes")};
      if (!is_sound(model)) return failed(path + ": the row of " + model.weights + " is damaged");
      models.push_back(std::move(model));
    }
    return models;
  } catch (const nlohmann::json::exception& error) {
    return failed(path + ": not a catalogue of models: " + error.what());
  }
}

/// Where the user named none: that of the folder one is in, of the installed program, or of the
/// sources that the program was built from.
std::string default_catalog() {
  const fs::path here = "models/catalog.json";
  std::error_code code;
  const fs::path program = fs::read_symlink("/proc/self/exe", code).parent_path();
  for (const fs::path& path :
       {here, program / BERALIH_DATA_DIRECTORY / "catalog.json", program / "../../.." / here}) {
    if (fs::exists(path, code)) return path.lexically_normal().string();
  }
  return here.string();
}

/// By weights, or by network: the first row of a network is its recommended one.
Result<CatalogModel> find_model(const std::vector<CatalogModel>& models, const std::string& name,
                                const std::string& catalog) {
  for (const CatalogModel& model : models) {
    if (model.name == name || model.weights == name) return model;
  }
  return failed("no model \"" + name + "\" in " + catalog +
                "; `beralih bundle fetch --list` names them");
}

fs::path checkpoint_directory(const FetchFlags& flags) {
  if (!flags.directory.empty()) return flags.directory;
  const char* cache = std::getenv("BERALIH_CACHE");
  return fs::path(cache != nullptr && *cache != '\0' ? cache : ".cache") / "models" / "checkpoints";
}

/// The file's SHA-256 where it begins as the catalogue says.
Result<std::string> check_hash(const fs::path& path, const CatalogModel& model) {
  const auto file = MappedFile::open(path);
  if (!file) return file.error();
  ProgressLine line("checking", static_cast<int64_t>((*file)->bytes().size()));
  auto hashed = hash_bytes((*file)->bytes(), line.callback());
  if (!hashed) return hashed;
  const std::string& hash = *hashed;
  if (!hash.starts_with(model.sha256_prefix)) {
    return failed(path.string() + ": its SHA-256 begins with " +
                  hash.substr(0, model.sha256_prefix.size()) + ", that of " + model.weights +
                  " with " + model.sha256_prefix + ": it is another file, or a damaged one");
  }
  return hashed;
}

/// Whoever stopped the check has not learnt anything about the file.
bool was_stopped(const Result<std::string>& hash) {
  return !hash && hash.error().code == ErrorCode::kUnavailable;
}

Status check_space(const fs::path& directory, const fs::path& part, int64_t megabytes) {
  std::error_code code;
  const auto space = fs::space(directory, code);
  if (code) return Ok{};
  const auto there = fs::exists(part, code) ? static_cast<int64_t>(fs::file_size(part, code)) : 0;
  const int64_t missing = megabytes * kBytesPerMegabyte - there;
  if (static_cast<int64_t>(space.available) >= missing) return Ok{};
  return failed(directory.string() + ": " + std::to_string(missing / kBytesPerMegabyte) +
                " MB are to come, " + std::to_string(space.available / kBytesPerMegabyte) +
                " MB are free: free some, or name another folder with --directory");
}

Result<std::string> take_local(const fs::path& source, const fs::path& part,
                               const CatalogModel& model) {
  auto hash = check_hash(source, model);
  if (!hash) return hash;
  std::error_code code;
  fs::remove(part, code);
  fs::create_hard_link(fs::canonical(source, code), part, code);
  if (!code) return hash;
  // On another file system: with a sentence of its own where that is full.
  ProgressLine line("copying", static_cast<int64_t>(fs::file_size(source, code)));
  if (auto copied = beralih::copy_file(source, part, line.callback()); !copied) {
    fs::remove(part, code);
    return copied.error();
  }
  return hash;
}

Result<std::string> fetch_remote(const fs::path& part, const CatalogModel& model) {
  std::error_code code;
  bool resumed = fs::exists(part, code);
  std::cerr << (resumed ? "going on with " : "fetching ") << model.url << " (about "
            << model.megabytes << " MB)\n";
  for (;;) {
    if (auto got = download(model.url, part, ::isatty(STDERR_FILENO) == 1); !got) {
      return failed(got.error().message + "\n  With no internet here: get that file on another " +
                    "machine, then run: beralih bundle fetch " + model.weights + " --from " +
                    model.file());
    }
    auto hash = check_hash(part, model);
    if (hash || was_stopped(hash)) return hash;
    fs::remove(part, code);
    if (!resumed) {
      return failed(model.url + ": what came is not " + model.weights +
                    " (wrong SHA-256) and was removed; a proxy, or a changed file? " +
                    "Get it elsewhere and use --from FILE");
    }
    std::cerr << "  what was there from before does not fit: fetching all of it\n";
    resumed = false;
  }
}

Result<fs::path> fetch(const FetchFlags& flags, const CatalogModel& model) {
  const fs::path directory = checkpoint_directory(flags);
  const fs::path final_path = directory / model.file();
  std::error_code code;
  if (fs::exists(final_path, code)) {
    const auto hash = check_hash(final_path, model);
    if (was_stopped(hash)) return hash.error();
    if (hash) {
      std::cerr << "it is there already\n";
      return final_path;
    }
    std::cerr << final_path.string() << " is damaged: getting it again\n";
  }
  fs::create_directories(directory, code);
  if (code) return failed(directory.string() + " cannot be made: " + code.message());
  const fs::path part = final_path.string() + ".part";
  if (auto room = check_space(directory, part, model.megabytes); !room) return room.error();
  const auto hash =
      flags.from.empty() ? fetch_remote(part, model) : take_local(flags.from, part, model);
  if (!hash) return hash.error();
  fs::rename(part, final_path, code);
  if (code) return failed(final_path.string() + " cannot be written: " + code.message());
  std::cerr << "SHA-256 " << *hash << ", as published (" << model.sha256_prefix << "…)\n";
  return final_path;
}

void list_models(const std::vector<CatalogModel>& models) {
  std::printf("%-20s %-52s %6s %7s  %s\n", "NAME", "WEIGHTS", "MB", "top-1", "licence");
  for (const CatalogModel& model : models) {
    std::printf("%-20s %-52s %6lld %5.2f %%  %s\n", model.name.c_str(), model.weights.c_str(),
                static_cast<long long>(model.megabytes), model.top1, model.license.c_str());
  }
  flush_stdout();
}

void run(const FetchFlags& flags) {
  const std::string catalog = flags.catalog.empty() ? default_catalog() : flags.catalog;
  const auto models = read_catalog(catalog);
  if (!models) fail_command(models.error());
  if (flags.list) return list_models(*models);
  if (flags.name.empty())
    fail_command(failed("which model? `beralih bundle fetch --list` names them"));
  const auto model = find_model(*models, flags.name, catalog);
  if (!model) fail_command(model.error());
  const auto path = fetch(flags, *model);
  if (!path) fail_command(path.error());
  std::printf("%s\n", path->c_str());
  flush_stdout();
  std::cerr << "licence of the weights: " << model->license << "\nmake a bundle of it: "
            << "models/recipes/import_torchvision.py " << model->name << ' ' << path->string()
            << " models/bundles/" << model->name << '\n';
}

}  // namespace

void add_bundle_fetch_command(CLI::App& bundle) {
  auto flags = std::make_shared<FetchFlags>();
  CLI::App* command = bundle.add_subcommand(
      "fetch", "get the official checkpoint of a model: resumed, checked by its SHA-256");
  command->add_option("NAME", flags->name,
                      "a network, e.g. vit_l_16, or weights, e.g. ResNet50_Weights.IMAGENET1K_V1");
  command->add_option("--from", flags->from, "take this file, which you have, instead of the net");
  command->add_option("--directory", flags->directory,
                      "where it goes (default: models/checkpoints in BERALIH_CACHE or .cache)");
  command
      ->add_option("--catalog", flags->catalog,
                   "the catalogue (default: models/catalog.json here, or the program's own)")
      ->envname("BERALIH_CATALOG");
  command->add_flag("--list", flags->list, "name the models and end");
  command->callback([flags] { run(*flags); });
}

}  // namespace beralih
