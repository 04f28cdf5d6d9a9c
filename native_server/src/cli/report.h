// How the subcommands end and speak.
#pragma once

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <string>

#include "beralih/result.h"

namespace beralih {

/// The accelerator is lost to this process: starting another may help, which nothing else does.
inline constexpr int kExitDeviceLost = 75;  // sysexits.h: EX_TEMPFAIL

/// One sentence on stderr and exit status 1, or kExitDeviceLost.
[[noreturn]] inline void fail_command(const Error& error) {
  std::cerr << "beralih: " << error.message << '\n';
  throw CLI::RuntimeError(error.code == ErrorCode::kDeviceLost ? kExitDeviceLost : 1);
}

/// After each printed answer: a reader on a pipe follows along, and a full disk ends the command.
inline void flush_stdout() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  fail_command(
      {ErrorCode::kIo, std::string("standard output cannot be written: ") + std::strerror(errno)});
}

}  // namespace beralih
