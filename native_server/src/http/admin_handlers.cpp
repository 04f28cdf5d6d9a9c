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

}  // namespace

void handle_reload(const Exchange& exchange) {
  if (!exchange.options.reload)
    return exchange.fail(problem_for_status(404, "This server cannot open its bundle anew"));
  const auto report = exchange.options.reload();
  if (!report) return exchange.fail(reload_problem(report.error()));
  exchange.response.status = 200;
  exchange.response.set_header("Cache-Control", "no-store");
  exchange.response.set_content(reload_json(*report), kJson);
}

}  // namespace beralih
