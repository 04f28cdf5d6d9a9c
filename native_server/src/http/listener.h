// The socket that the server listens on.
#pragma once

#include <string>

#include "beralih/result.h"

namespace beralih {

struct Listener {
  int socket = -1;  ///< the caller's to close
  int port = 0;
};

/// Port 0 takes a free one. Errors: kIo, one sentence that says what to do.
Result<Listener> listen_on(const std::string& host, int port);

}  // namespace beralih
