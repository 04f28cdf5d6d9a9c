// What is said about a command line that cannot be understood.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace beralih {

/// One line: which subcommand, what is wrong, where help is. A wrong value that came from a
/// BERALIH_* variable is put down to the variable.
std::string describe_usage_error(const CLI::App& app, const CLI::ParseError& error, int argc,
                                 const char* const* argv);

}  // namespace beralih
