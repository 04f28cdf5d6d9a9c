// What only the operator may ask for.
#include <string>

#include "http/handlers.h"
#include "http/wire.h"

namespace beralih {
namespace {

Problem reload_problem(const Error& error) {
  if (error.code == ErrorCode::kUnavailable) return problem_for(error);
  Problem problem;
  if (error.code == ErrorCode::kOverloaded) {
    problem.status = 409;
    problem.code = "reload_running";
    problem.title = "Another reload is running";
  } else {
    problem.status = 422;
    problem.code = "bundle_refused";
    problem.title = "The bundle was not taken over; the one before still serves";
  }
  problem.detail = error.message;
  return problem;
}

/// The bundle serves anew, but who withdrew a key or renewed a certificate must not take that for
/// done. What the answer would have said of the bundle stands beside it.
Problem credentials_problem(const Error& error, const ReloadReport& report) {
  Problem problem;
  problem.status = 422;
  problem.code = "credentials_refused";
  problem.title = "API keys or certificate were not read anew; the ones before stay";
  problem.detail = error.message + ". The bundle was opened anew and serves";
  problem.extensions = {
      {"contract_before", report.contract_before},
      {"contract_after",  report.contract_after },
  };
  return problem;
}

}  // namespace

void handle_reload(const Exchange& exchange) {
  const RouteOptions& options = exchange.options;
  if (!options.reload)
    return exchange.fail(problem_for_status(404, "This server cannot open its bundle anew"));
  // First, since the bundle takes longer: a key that was withdrawn opens nothing from here on. The
  // caller's own has been judged already, so that it hears what became of its request.
  const Status reread = options.reread ? options.reread() : Status(Ok{});
  const auto report = options.reload();
  if (!report) {
    Problem problem = reload_problem(report.error());
    if (!reread)
      problem.detail += ". Nor were all credentials read anew: " + reread.error().message;
    return exchange.fail(problem);
  }
  if (!reread) return exchange.fail(credentials_problem(reread.error(), *report));
  exchange.response.status = 200;
  exchange.response.set_header("Cache-Control", "no-store");
  exchange.response.set_content(reload_json(*report), kJson);
}

}  // namespace beralih
