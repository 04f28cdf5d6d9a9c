#include "http/health_probe.h"

#include "http/client.h"

namespace beralih {

Status probe_readiness(const ServerAddress& server, int seconds) {
  const auto client = make_client(server);
  client->set_connection_timeout(seconds);
  client->set_read_timeout(seconds);
  const auto answer = client->Get("/v2/health/ready");
  const std::string where = server.host + ":" + std::to_string(server.port);
  if (!answer) return Error{ErrorCode::kIo, where + " " + describe_failure(server, answer.error())};
  if (answer->status != 200) {
    return Error{ErrorCode::kUnavailable,
                 where + " is not ready (" + std::to_string(answer->status) + "): " + answer->body};
  }
  return Ok{};
}

}  // namespace beralih
