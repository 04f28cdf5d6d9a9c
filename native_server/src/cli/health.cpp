// beralih health: one readiness check, for containers and supervisors.
#include <iostream>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/report.h"
#include "http/health_probe.h"

namespace beralih {
namespace {

struct HealthFlags {
  std::string host = "127.0.0.1";
  int port = 8080;
  int seconds = 2;
};

constexpr int kHighestPort = 65535;

void check_health(const HealthFlags& flags) {
  // A server on every address answers on this machine's own; what it binds is no address to call.
  const std::string host = flags.host == "0.0.0.0" ? "127.0.0.1" : flags.host;
  if (const auto ready = probe_readiness(host, flags.port, flags.seconds); !ready)
    fail_command(ready.error());
  std::cout << "ready\n";
}

}  // namespace

void add_health_command(CLI::App& app) {
  auto flags = std::make_shared<HealthFlags>();
  CLI::App* command = app.add_subcommand("health", "exit 0 if the server on this machine is ready");
  command->add_option("--host", flags->host, "address that the server listens on")
      ->envname("BERALIH_HOST")
      ->capture_default_str();
  command->add_option("--port", flags->port, "its port")
      ->envname("BERALIH_PORT")
      ->check(CLI::Range(1, kHighestPort))
      ->capture_default_str();
  command->add_option("--timeout", flags->seconds, "seconds to wait for the answer")
      ->check(CLI::Range(1, 60))
      ->capture_default_str();
  command->callback([flags] { check_health(*flags); });
}

}  // namespace beralih
