#include "http/health_probe.h"

#include <httplib.h>

namespace beralih {

Status probe_readiness(const std::string& host, int port, int seconds) {
  httplib::Client client(host, port);
  client.set_connection_timeout(seconds);
  client.set_read_timeout(seconds);
  const auto answer = client.Get("/v2/health/ready");
  const std::string where = host + ":" + std::to_string(port);
  if (!answer)
    return Error{ErrorCode::kIo, where + " does not answer: " + httplib::to_string(answer.error())};
  if (answer->status != 200) {
    return Error{ErrorCode::kUnavailable,
                 where + " is not ready (" + std::to_string(answer->status) + "): " + answer->body};
  }
  return Ok{};
}

}  // namespace beralih
