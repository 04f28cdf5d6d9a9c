#include "cli/preprocessing_flags.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "beralih/contract.h"
#include "bundle/bundle.h"

namespace beralih {
namespace {

bool is_whole_contract(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_object() && json.contains("schema");
}

}  // namespace

void add_preprocessing_flags(CLI::App& command, CLI::App& source, PreprocessingFlags& flags) {
  source.add_option("--preset", flags.preset_name,
                    "a named preset, e.g. dlib:resnet34; `beralih presets` lists them");
  source.add_option("--spec", flags.spec_file,
                    "a JSON file with the \"preprocessing\" object of a contract");
  command
      .add_option("--set", flags.settings,
                  "knob=value, changes one knob; may be given several times")
      ->check(CLI::Validator(
          [](const std::string& text) {
            return text.find('=') == std::string::npos ? "wants knob=value, not \"" + text + "\""
                                                       : std::string();
          },
          "KNOB=VALUE"))
      ->allow_extra_args(false);
}

Result<std::optional<PreprocessSpec>> named_spec(const PreprocessingFlags& flags) {
  if (!flags.preset_name.empty() && !flags.spec_file.empty())
    throw CLI::ExcludesError("--preset", "--spec");
  if (!flags.preset_name.empty()) {
    auto spec = preset(flags.preset_name);
    if (!spec) return spec.error();
    return std::optional(*std::move(spec));
  }
  if (flags.spec_file.empty()) return std::optional<PreprocessSpec>();
  const auto text = read_text(flags.spec_file);
  if (!text) return text.error();
  auto spec = parse_preprocess_spec(*text);
  if (spec) return std::optional(*std::move(spec));
  if (is_whole_contract(*text)) {
    return Error{ErrorCode::kInvalidArgument,
                 flags.spec_file + ": this is a whole contract; use --bundle DIR with its " +
                     "directory, or --spec with its \"preprocessing\" object alone"};
  }
  return Error{spec.error().code, flags.spec_file + ": " + spec.error().message};
}

Result<PreprocessSpec> with_settings(PreprocessSpec spec, const PreprocessingFlags& flags) {
  for (const std::string& setting : flags.settings) {
    const std::string_view text = setting;
    const size_t equals = text.find('=');
    if (auto set = set_knob(spec, text.substr(0, equals), text.substr(equals + 1)); !set)
      return set.error();
  }
  if (auto valid = validate(spec); !valid) return valid.error();
  return spec;
}

}  // namespace beralih
