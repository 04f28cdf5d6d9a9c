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
  std::string tls_certificate;
  std::string key_file;
};

constexpr int kHighestPort = 65535;

void check_health(const HealthFlags& flags) {
  // A server on every address answers on this machine's own; what it binds is no address to call.
  const std::string host = flags.host == "0.0.0.0" ? "127.0.0.1" : flags.host;
  ServerAddress server{host, flags.port, !flags.tls_certificate.empty(), {}, /*verify=*/false, {}};
  if (!flags.key_file.empty()) {
    auto key = read_key_file(flags.key_file);
    if (!key) fail_command(key.error());
    server.api_key = *std::move(key);
  }
  if (const auto ready = probe_readiness(server, flags.seconds); !ready)
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
  command
      ->add_option(
          "--tls-cert", flags->tls_certificate,
          "the server has one, so ask over TLS; whose it is is not checked: it is made for "
          "another name than this machine's")
      ->envname("BERALIH_TLS_CERT")
      ->option_text("FILE");
  command
      ->add_option("--key-file", flags->key_file,
                   "file whose first line is an API key, for a server that asks for one here")
      ->envname("BERALIH_KEY_FILE")
      ->option_text("FILE");
  command->add_option("--timeout", flags->seconds, "seconds to wait for the answer")
      ->check(CLI::Range(1, 60))
      ->capture_default_str();
  command->callback([flags] { check_health(*flags); });
}

}  // namespace beralih
