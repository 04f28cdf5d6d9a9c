// --verify and --cache-dir: how much of a bundle is hashed before it is used.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "bundle/file_check.h"

namespace beralih {

/// `options` must outlive the command line.
inline void add_loading_flags(CLI::App& command, OpenOptions& options) {
  options.verify = VerifyMode::kCached;
  command
      .add_option_function<std::string>(
          "--verify",
          [&options](const std::string& mode) {
            options.verify = mode == "always"  ? VerifyMode::kAlways
                             : mode == "never" ? VerifyMode::kNever
                                               : VerifyMode::kCached;
          },
          "hash the bundle's files always, once for each state of a file (cached, the default), or "
          "never (sizes only)")
      ->envname("BERALIH_VERIFY")
      ->check(CLI::IsMember({"always", "cached", "never"}))
      ->option_text("always|cached|never");
  command
      .add_option("--cache-dir", options.cache_directory,
                  "where it is remembered which files were hashed (default: beralih under "
                  "$XDG_CACHE_HOME or ~/.cache)")
      ->envname("BERALIH_CACHE_DIR")
      ->option_text("DIR");
}

}  // namespace beralih
