// beralih presets: the named presets and what they do to an image.
#include <algorithm>
#include <cstdio>
#include <string>

#include "beralih/preprocess_spec.h"
#include "cli/commands.h"
#include "cli/report.h"

namespace beralih {
namespace {

std::string square(Size size) {
  return std::to_string(size.height) + " x " + std::to_string(size.width);
}

std::string summary(const PreprocessSpec& spec) {
  std::string text;
  switch (spec.resize_mode) {
    case ResizeMode::kNone: text = "no resize"; break;
    case ResizeMode::kShorterSide:
      text = "shorter side " + std::to_string(spec.resize_size.height);
      break;
    case ResizeMode::kLongestSide:
      text = "longest side " + std::to_string(spec.resize_size.height);
      break;
    case ResizeMode::kExact: text = "squashed to " + square(spec.resize_size); break;
  }
  if (spec.resize_mode != ResizeMode::kNone) text += ' ' + std::string(name(spec.resize_filter));
  if (spec.center_crop) text += ", crop " + square(*spec.center_crop);
  return text;
}

void list_presets() {
  const auto names = preset_names();
  size_t longest = 0;
  for (const std::string_view name : names) longest = std::max(longest, name.size());
  for (const std::string_view name : names) {
    const auto spec = preset(name);
    if (!spec) fail_command(spec.error());
    std::printf("%-*s  %s\n", static_cast<int>(longest), std::string(name).c_str(),
                summary(*spec).c_str());
  }
  flush_stdout();
}

}  // namespace

void add_presets_command(CLI::App& app) {
  app.add_subcommand("presets", "list the named presets for `beralih preprocess --preset`")
      ->callback(list_presets);
}

}  // namespace beralih
