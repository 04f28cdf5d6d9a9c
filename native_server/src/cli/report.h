// How the subcommands end and speak.
#pragma once

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "beralih/result.h"

namespace beralih {

/// One sentence on stderr and exit status 1.
[[noreturn]] inline void fail_command(const Error& error) {
  std::cerr << "beralih: " << error.message << '\n';
  throw CLI::RuntimeError(1);
}

}  // namespace beralih
