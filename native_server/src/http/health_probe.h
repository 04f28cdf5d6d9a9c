// Asks a running server whether it is ready: for `beralih health`, so that an image without a shell
// can check itself.
#pragma once

#include <string>

#include "beralih/result.h"

namespace beralih {

/// GET /v2/health/ready of `host`:`port`, waiting at most `seconds`. Errors: kIo where nothing
/// answers, kUnavailable with the server's own reason where it answers other than 200.
Status probe_readiness(const std::string& host, int port, int seconds);

}  // namespace beralih
