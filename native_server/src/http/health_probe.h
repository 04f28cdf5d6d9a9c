// Asks a running server whether it is ready: for `beralih health`, so that an image without a shell
// can check itself.
#pragma once

#include "beralih/result.h"
#include "http/server_address.h"

namespace beralih {

/// GET /v2/health/ready of the server, waiting at most `seconds`. Errors: kIo where nothing
/// answers, kUnavailable with the server's own reason where it answers other than 200.
Status probe_readiness(const ServerAddress& server, int seconds);

}  // namespace beralih
