// Where a server is that a subcommand calls, and what it wants of its caller.
#pragma once

#include <filesystem>
#include <string>

#include "beralih/result.h"

namespace beralih {

struct ServerAddress {
  std::string host;
  int port = 80;
  bool tls = false;
  std::string ca_file;  ///< PEM file of the authorities to trust; empty: the system's
  bool verify = true;   ///< that the certificate is trusted and the host's
  std::string api_key;  ///< empty: none is sent
};

/// The first line of a file. Errors: kIo, also where it is empty.
Result<std::string> read_key_file(const std::filesystem::path& file);

}  // namespace beralih
