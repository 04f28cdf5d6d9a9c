// What a route asks of its caller.
#pragma once

namespace beralih {

enum class Access {
  kHealth,   ///< whether the server lives and is ready
  kPage,     ///< the page, and what it needs of the bundle
  kMetrics,  ///< what Prometheus reads
  kUser,     ///< predictions and what describes them: any key
  kAdmin,    ///< an admin's key; without keys, a caller on this machine
};

}  // namespace beralih
