// What is said about a command line that cannot be understood.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace beralih {

/// One line: which subcommand, what is wrong, where help is. A wrong value that came from a
/// BERALIH_* variable is put down to the variable.
std::string describe_usage_error(const CLI::App& app, const CLI::ParseError& error, int argc,
                                 const char* const* argv);

/// Ends the parsing (CLI::ValidationError) where a variable is set that an option of `command` has
/// not taken: CLI11 2.1 (Debian 12) refuses a value that its validator refuses, 2.4 (13) passes
/// over it (App::_process_env), and the server would start with other settings than it was given.
/// To be called by the command's callback, before anything else.
void refuse_passed_over_variables(CLI::App& command);

}  // namespace beralih
