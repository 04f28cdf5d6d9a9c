#include "cli/usage.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace beralih {
namespace {

std::string list_subcommands(const CLI::App& app) {
  std::string names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names += (names.empty() ? "" : ", ") + command->get_name();
  return names;
}

bool is_given(const std::string& flag, const std::vector<std::string_view>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [&](std::string_view argument) {
    return argument == flag || argument.starts_with(flag + "=");
  });
}

/// CLI11 names the option also where the value came from the option's variable.
std::string name_variable(const CLI::App& command, std::string message,
                          const std::vector<std::string_view>& arguments) {
  for (const CLI::Option* option : command.get_options()) {
    const std::string flag = option->get_name();
    const std::string variable = option->get_envname();
    const size_t at = message.find(flag);
    if (variable.empty() || at == std::string::npos || is_given(flag, arguments)) continue;
    const size_t end = at + flag.size();
    const bool whole = end == message.size() || message[end] == ':' || message[end] == ' ';
    const char* value = std::getenv(variable.c_str());
    if (whole && value != nullptr && *value != '\0')
      return message.replace(at, flag.size(), variable);
  }
  return message;
}

/// What the option's first validator says of a value.
std::string objection_to(CLI::Option& option, std::string value) {
  try {
    return (*option.get_validator())(value);
  } catch (const CLI::OptionNotFound&) {
    return "";
  }
}

}  // namespace

void refuse_passed_over_variables(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    if (option->get_envname().empty() || option->count() > 0) continue;
    const char* value = std::getenv(option->get_envname().c_str());
    if (value == nullptr || *value == '\0') continue;
    const std::string objection = objection_to(*option, value);
    throw CLI::ValidationError(option->get_name(),
                               objection.empty() ? "not understood" : objection);
  }
}

std::string describe_usage_error(const CLI::App& app, const CLI::ParseError& error, int argc,
                                 const char* const* argv) {
  const std::vector<std::string_view> arguments(argv + std::min(argc, 1), argv + argc);
  const auto chosen = app.get_subcommands();
  if (chosen.empty()) {
    if (arguments.empty())
      return "beralih: a subcommand is missing; there are " + list_subcommands(app);
    const std::string first(arguments.front());
    return first.starts_with('-')
               ? "beralih: no option \"" + first + "\" before a subcommand. Try beralih --help"
               : "beralih: no subcommand \"" + first + "\"; there are " + list_subcommands(app);
  }
  const CLI::App* innermost = chosen.front();
  std::string program = "beralih " + innermost->get_name();
  while (!innermost->get_subcommands().empty()) {
    innermost = innermost->get_subcommands().front();
    program += " " + innermost->get_name();
  }
  const CLI::App& command = *innermost;
  if (command.get_require_subcommand_min() > 0) {
    return program + ": a subcommand is missing or unknown; there are " + list_subcommands(command);
  }
  std::string message = name_variable(command, error.what(), arguments);
  std::replace(message.begin(), message.end(), '\n', ' ');
  return program + ": " + message + ". Try " + program + " --help";
}

}  // namespace beralih
