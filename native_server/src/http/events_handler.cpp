// GET /api/events: what happens to the requests of a run, as server-sent events.
#include <charconv>
#include <memory>
#include <optional>

#include "http/access_control.h"
#include "http/handlers.h"
#include "http/incoming.h"
#include "http/open_answer.h"

namespace beralih {
namespace {

constexpr const char* kEventStream = "text/event-stream";
/// Of one stream: more than a whole ring of events, so that its replay fits.
constexpr size_t kMostWaitingBytes = 256u << 10;

/// The events of everybody's runs are for an admin's key alone; a caller on this machine, who is
/// the operator where there are no keys, may stand behind a proxy.
std::optional<Problem> refuse_all_runs(const Exchange& exchange) {
  const AccessControl& access = *exchange.options.access;
  if (access.has_keys() && access.is_operator(exchange.request)) return std::nullopt;
  return problem_for_status(
      403,
      "The events of all runs are for an admin key (--api-keys); name the one run that you began: "
      "?run=ID with the id that its requests carry as X-Beralih-Run");
}

Result<std::optional<uint64_t>> read_last_event_id(const httplib::Request& request) {
  constexpr const char* kHeader = "Last-Event-ID";
  if (!request.has_header(kHeader)) return std::optional<uint64_t>();
  const std::string text = request.get_header_value(kHeader);
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return Error{
        ErrorCode::kInvalidArgument,
        "The header Last-Event-ID wants the number of the last event that was read, not \"" +
            text.substr(0, 40) + "\""};
  }
  return std::optional(id);
}

std::optional<Problem> refuse_parameters(const Exchange& exchange) {
  const httplib::Request& request = exchange.request;
  for (const auto& [name, value] : request.params) {
    if (name == "run") continue;
    return problem_for(
        {ErrorCode::kInvalidArgument,
         "There is no query parameter \"" + name.substr(0, 80) + "\"; the only one is run"});
  }
  if (!request.has_param("run")) return refuse_all_runs(exchange);
  const std::string run = request.get_param_value("run");
  if (request.get_param_value_count("run") == 1 && is_run_id(run)) return std::nullopt;
  return problem_for(
      {ErrorCode::kInvalidArgument,
       "run wants one id of 32 lower-case hexadecimal digits, not \"" + run.substr(0, 40) + "\""});
}

Problem refuse_subscriber(RunEvents::Answer answer) {
  if (answer == RunEvents::Answer::kClosed)
    return problem_for_status(503, "The server is shutting down");
  Problem problem = problem_for_status(
      503,
      "As many event streams are open as this server allows (--max-subscribers); try again "
      "shortly, or do without: answers do not depend on them");
  problem.extensions = {
      {"limit", "subscribers"}
  };
  return problem;
}

}  // namespace

void handle_events(const Exchange& exchange) {
  const httplib::Request& request = exchange.request;
  if (const auto refusal = refuse_parameters(exchange)) return exchange.fail(*refusal);
  const auto last_id = read_last_event_id(request);
  if (!last_id) return exchange.fail(problem_for(last_id.error()));

  httplib::Response& response = exchange.response;
  response.set_header("Cache-Control", "no-store");
  response.set_header("X-Accel-Buffering", "no");  // proxies would hold events back
  if (request.method == "HEAD") {
    response.status = 200;
    return response.set_content("", kEventStream);
  }
  const auto stream = std::make_shared<OpenAnswer>(kMostWaitingBytes);
  const std::string run =
      request.has_param("run") ? request.get_param_value("run") : std::string(kAllRuns);
  switch (const auto answer = exchange.options.events->subscribe(run, *last_id, stream); answer) {
    case RunEvents::Answer::kNothingMore: response.status = 204; return;
    case RunEvents::Answer::kFull:
    case RunEvents::Answer::kClosed: return exchange.fail(refuse_subscriber(answer));
    case RunEvents::Answer::kSubscribed: break;
  }
  incoming_request().open_answer = stream;
  response.status = 200;
  response.set_header("Connection", "close");  // the end of the stream is that of the connection
  // Only the head: no length, and nothing of the body yet.
  response.set_content_provider(kEventStream, [](size_t, httplib::DataSink& sink) {
    sink.done();
    return true;
  });
}

}  // namespace beralih
