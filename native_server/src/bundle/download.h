// Files from the network: resumed where they stopped, whole or not there at all.
#pragma once

#include <filesystem>
#include <string>

#include "beralih/result.h"

namespace beralih {

/// Fetches `url` into `part`, going on behind what is there already; a broken connection is taken
/// up again. The part stays after an error that a later call may get over. The work is curl's: it
/// knows the system's proxies and certificates, and keeps TLS out of the server. Errors: kIo, one
/// sentence.
Status download(const std::string& url, const std::filesystem::path& part, bool show_progress);

}  // namespace beralih
