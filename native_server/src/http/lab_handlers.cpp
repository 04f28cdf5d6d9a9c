// /api/lab: the experiments that lab mode runs. They start processes, so nobody but a page of this
// very server, or a program on this machine, may ask for them.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "http/handlers.h"
#include "http/request_checks.h"
#include "lab/lab.h"

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostRequestBytes = 4096;

/// The host of a Host header or of an origin behind its scheme, without the port.
std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
  return authority.substr(0, authority.find(':'));
}

/// A name that another machine's DNS can point here does not count.
bool is_loopback_name(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  return host.starts_with("127.") &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

/// Also where a socket was handed over that other machines reach.
bool is_this_machine(const std::string& address) {
  return address.starts_with("127.") || address == "::1" || address.starts_with("::ffff:127.");
}

std::optional<Problem> refuse_stranger(const httplib::Request& request) {
  if (!is_this_machine(request.remote_addr))
    return problem_for_status(403, "Experiments are for this machine alone");
  const std::string host = request.get_header_value("Host");
  if (!is_loopback_name(host_of(host))) {
    return problem_for_status(403,
                              "Experiments are for this machine alone: use the address "
                              "localhost or 127.0.0.1, not " +
                                  host.substr(0, 80));
  }
  const std::string origin = request.get_header_value("Origin");
  const std::string site = request.get_header_value("Sec-Fetch-Site");
  const bool same_origin =
      origin.empty() || origin == "http://" + host || origin == "https://" + host;
  const bool same_site = site.empty() || site == "same-origin" || site == "none";
  if (same_origin && same_site) return std::nullopt;
  return problem_for_status(403,
                            "Experiments start processes, so only this server's own page may ask "
                            "for them, not a page of " +
                                (origin.empty() ? "another site" : origin.substr(0, 80)));
}

/// The lab, or the answer is made.
Lab* allowed_lab(const Exchange& exchange) {
  Lab* const lab = exchange.options.lab.get();
  if (lab == nullptr) {
    exchange.fail(problem_for_status(
        404, "This server runs no experiments; start it with --lab, as ./run.sh does"));
    return nullptr;
  }
  const auto refusal = refuse_stranger(exchange.request);
  if (refusal) exchange.fail(*refusal);
  return refusal ? nullptr : lab;
}

void send(const Exchange& exchange, int status, std::string body) {
  exchange.response.status = status;
  exchange.response.set_header("Cache-Control", "no-store");
  exchange.response.set_content(std::move(body), kJson);
}

void fail_unknown_run(const Exchange& exchange) {
  exchange.fail(
      problem_for_status(404, "There is no such run; only the latest one can be asked about"));
}

/// The picture that the experiments send.
std::optional<LoadBody> golden_body(const Classifier& classifier) {
  const auto& golden = classifier.bundle().contract().golden;
  if (golden.empty()) return std::nullopt;
  const auto file = classifier.bundle().files.find(golden.front().image);
  if (file == classifier.bundle().files.end()) return std::nullopt;
  const auto bytes = file->second->bytes();
  return LoadBody{
      "application/octet-stream", {bytes.begin(), bytes.end()},
       {             }
  };
}

Result<size_t> read_after(const httplib::Request& request) {
  if (!request.has_param("after")) return size_t{0};
  const std::string text = request.get_param_value("after");
  size_t after = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), after);
  if (error == std::errc{} && end == text.data() + text.size()) return after;
  return Error{ErrorCode::kInvalidArgument, "\"after\" is the number of events read before"};
}

}  // namespace

void handle_lab(const Exchange& exchange) {
  const Lab* lab = allowed_lab(exchange);
  if (lab == nullptr) return;
  Json experiments{"when-to-load", "failure", "challenge"};
  if (lab->options().peer) experiments.push_back("python-or-cpp");
  const auto running = lab->running();
  const Json json{
      {"schema",      "beralih.lab/1"                         },
      {"experiments", std::move(experiments)                  },
      {"cores",       lab->options().cores                    },
      {"running",     running ? Json(*running) : Json(nullptr)}
  };
  send(exchange, 200, json.dump() + "\n");
}

void handle_lab_start(const Exchange& exchange) {
  Lab* const lab = allowed_lab(exchange);
  if (lab == nullptr) return;
  if (media_type(exchange.request) != "application/json") {
    return exchange.fail(problem_for_status(
        415, "What experiment to run is said as JSON, with Content-Type: application/json"));
  }
  if (exchange.body.size() > kMostRequestBytes)
    return exchange.fail(problem_for_status(413, "The request for an experiment is over 4 KiB"));
  const auto request = parse_lab_request(exchange.body);
  if (!request) return exchange.fail(problem_for(request.error()));
  const auto classifier = exchange.state.classifier();
  if (classifier == nullptr) return exchange.fail_not_ready();
  auto body = golden_body(*classifier);
  if (!body) {
    return exchange.fail(
        problem_for_status(503, "The bundle has no golden picture that could be sent"));
  }
  const auto id = lab->start(*request, *std::move(body));
  if (!id && id.error().code == ErrorCode::kOverloaded)
    return exchange.fail(problem_for_status(409, id.error().message));
  if (!id) return exchange.fail(problem_for_status(503, id.error().message));
  exchange.response.set_header("Location", "/api/lab/runs/" + *id);
  send(exchange, 202, *lab->describe(*id, 0));
}

void handle_lab_run(const Exchange& exchange) {
  const Lab* lab = allowed_lab(exchange);
  if (lab == nullptr) return;
  const auto after = read_after(exchange.request);
  if (!after) return exchange.fail(problem_for(after.error()));
  auto found = lab->describe(exchange.path_argument("run"), *after);
  if (!found) return fail_unknown_run(exchange);
  send(exchange, 200, *std::move(found));
}

void handle_lab_stop(const Exchange& exchange) {
  Lab* const lab = allowed_lab(exchange);
  if (lab == nullptr) return;
  const std::string_view id = exchange.path_argument("run");
  if (!lab->stop(id)) return fail_unknown_run(exchange);
  auto found = lab->describe(id, 0);
  if (!found) return fail_unknown_run(exchange);
  send(exchange, 202, *std::move(found));
}

}  // namespace beralih
