// Tells systemd what the server is doing (Type=notify), where it was started by systemd; does
// nothing elsewhere.
#pragma once

#include <chrono>
#include <string_view>

namespace beralih {

/// Sends `state`, e.g. "READY=1" or "STOPPING=1", to the socket that NOTIFY_SOCKET names
/// (sd_notify(3): one datagram). Without the variable, and where the socket does not take it,
/// nothing happens: the server serves whether or not somebody watches it.
void notify_service_manager(std::string_view state);

/// Half of the time after which a systemd that hears no "WATCHDOG=1" ends and restarts the service
/// (WATCHDOG_USEC, sd_watchdog_enabled(3)); zero where it does not watch.
std::chrono::microseconds watchdog_interval();

}  // namespace beralih
