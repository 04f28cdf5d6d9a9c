// The client side of HTTP, for the subcommands that call a server.
#pragma once

#include <httplib.h>

#include <memory>
#include <string>

#include "http/server_address.h"

namespace beralih {

std::unique_ptr<httplib::ClientImpl> make_client(const ServerAddress& address);

/// "does not answer: Connection", and for TLS what may be wrong.
std::string describe_failure(const ServerAddress& address, httplib::Error error);

}  // namespace beralih
