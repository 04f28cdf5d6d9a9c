// The socket that the server listens on.
#pragma once

#include <optional>
#include <string>

#include "beralih/result.h"

namespace beralih {

struct Listener {
  int socket = -1;  ///< the caller's to close
  int port = 0;
  std::string host;        ///< as a URL writes it
  bool inherited = false;  ///< whoever handed it over goes on listening when the server ends
};

/// The socket that a service manager has handed over (LISTEN_FDS and LISTEN_PID, sd_listen_fds(3)),
/// or none. The variables are removed, so that no child takes them for its own. Errors:
/// kInvalidArgument where it is not one TCP socket that listens.
Result<std::optional<Listener>> inherited_listener();

/// Port 0 takes a free one. Errors: kIo, one sentence that says what to do.
Result<Listener> listen_on(const std::string& host, int port);

}  // namespace beralih
