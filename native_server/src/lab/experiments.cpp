#include "lab/experiments.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <utility>

#include "lab/lab_load.h"
#include "lab/lab_server.h"

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

double ms_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

/// False: a stop was requested first.
bool wait_until(Clock::time_point when, const std::stop_token& stop) {
  constexpr milliseconds kCheck{20};
  while (Clock::now() < when && !stop.stop_requested())
    std::this_thread::sleep_until(std::min(when, Clock::now() + kCheck));
  return !stop.stop_requested();
}

Status when_to_load(const LabContext& context) {
  for (const LoadPolicy policy :
       {LoadPolicy::kAtStart, LoadPolicy::kEveryRequest, LoadPolicy::kFirstRequest}) {
    const std::string name(policy_name(policy));
    LabServerOptions options;
    options.policy = policy;
    options.threads = context.options.cores;
    const auto server = LabServer::start(context, options);
    if (!server) return server.error();
    context.tell({
        {"type",     "server"                  },
        {"policy",   name                      },
        {"pid",      (*server)->process().pid()},
        {"ready_ms", (*server)->ready_ms()     },
        {"line",     (*server)->ready_line()   }
    });
    for (int number = 1; number <= context.request.requests; ++number) {
      if (context.stop.stop_requested()) return stopped();
      const LoadSample sample =
          send_one((*server)->target(), context.body, std::chrono::seconds(30));
      context.tell({
          {"type",   "request"             },
          {"policy", name                  },
          {"number", number                },
          {"ms",     ms_between(sample.sent, sample.end)},
          {"status",        sample.status                      }
      });
      if (sample.status != 200) {
        return Error{ErrorCode::kIo, "A request to the server that loads " + name + " got " +
                                         std::to_string(sample.status) +
                                         " instead of a prediction"};
      }
    }
  }
  return Ok{};
}

/// What became of the requests around the moment of the fault.
Json failure_result(const HeldLoad& load, Clock::time_point fault) {
  uint64_t lost = 0;
  uint64_t turned_away = 0;
  for (const LoadSample& sample : load.samples) {
    if (sample.status == 0 && sample.connected && sample.sent <= fault) ++lost;
    if (sample.status != 200 && sample.sent > fault) ++turned_away;
  }
  return {
      {"type",        "result"               },
      {"lost",        lost                   },
      {"turned_away", turned_away            },
      {"answered",    load.record.served     },
      {"late",        load.record.served_late},
      {"requests",    load.record.scheduled  }
  };
}

/// Ends the process as a crash would, starts another on the same port, and asks it.
Result<std::unique_ptr<LabServer>> kill_and_restart(const LabContext& context,
                                                    std::unique_ptr<LabServer> server,
                                                    LabServerOptions options, Json& event) {
  options.port = server->target().server.port;
  const auto killed = Clock::now();
  const pid_t pid = server->process().pid();
  server->process().send_signal(SIGKILL);
  server.reset();  // waits until it is gone: a supervisor learns of it then
  const double gone = ms_between(killed, Clock::now());
  context.tell({
      {"type", "killed"},
      {"pid",  pid     }
  });
  auto next = LabServer::start(context, options);
  if (!next) return next;
  const LoadSample first = send_one((*next)->target(), context.body, std::chrono::seconds(10));
  if (first.status != 200)
    return Error{ErrorCode::kIo, "The server that was started again does not predict"};
  event = {
      {"type",         "recovered"                   },
      {"pid",          (*next)->process().pid()      },
      {"gone_ms",      gone                          },
      {"listening_ms", gone + (*next)->listening_ms()},
      {"ready_ms",     gone + (*next)->ready_ms()    },
      {"answered_ms",  ms_between(killed,              first.end)},
      {"line",              (*next)->ready_line()                                      }
  };
  return next;
}

Status failure(const LabContext& context) {
  LabServerOptions options;
  options.threads = context.options.cores;
  auto server = LabServer::start(context, options);
  if (!server) return server.error();
  const auto single_ms = time_single(context, (*server)->target());
  if (!single_ms) return single_ms.error();
  // Well below what it can do: what is lost is lost by the fault, not by the load.
  constexpr double kMostRate = 20;
  constexpr double kShare = 0.4;
  const double rate = context.request.rate > 0
                          ? context.request.rate
                          : std::clamp(std::round(kShare * 1000 / *single_ms), 1.0, kMostRate);
  context.tell({
      {"type",      "server"                  },
      {"pid",       (*server)->process().pid()},
      {"single_ms", *single_ms                },
      {"ready_ms",  (*server)->ready_ms()     }
  });
  const LoadStep step{"load", rate, context.request.seconds, context.request.seed};
  const std::vector<LoadTarget> targets{(*server)->target()};
  HeldLoad load;
  std::jthread loading([&] { load = hold(context, targets, step); });
  const auto steady = std::chrono::duration<double>(context.request.seconds * 0.3);
  auto fault = Clock::now() + kLoadStart + std::chrono::duration_cast<Clock::duration>(steady);
  if (!wait_until(fault, context.stop)) return stopped();
  if (context.request.fault == LabFault::kKill) {
    Json event;
    fault = Clock::now();
    server = kill_and_restart(context, *std::move(server), options, event);
    if (!server) return server.error();
    context.tell(std::move(event));
  } else {
    constexpr milliseconds kStall{1500};
    (*server)->process().send_signal(SIGSTOP);
    context.tell({
        {"type", "stalled"                 },
        {"pid",  (*server)->process().pid()},
        {"ms",   kStall.count()            }
    });
    (void)wait_until(fault + kStall, context.stop);
    (*server)->process().send_signal(SIGCONT);
    context.tell({
        {"type", "resumed"}
    });
  }
  loading.join();
  if (context.stop.stop_requested()) return stopped();
  Json result = failure_result(load, fault);
  result.update(figures(load, step));
  context.tell(std::move(result));
  return Ok{};
}

Status challenge(const LabContext& context) {
  const LabRequest& request = context.request;
  std::vector<std::unique_ptr<LabServer>> servers;
  std::vector<LoadTarget> targets;
  if (request.own_server) {
    targets.push_back(context.own);
  } else {
    LabServerOptions options;
    options.policy = request.loading;
    options.batch = request.batching;
    options.threads = std::max(1, context.options.cores / request.replicas);
    for (int number = 1; number <= request.replicas; ++number) {
      auto server = LabServer::start(context, options);
      if (!server) return server.error();
      context.tell({
          {"type",     "server"                  },
          {"number",   number                    },
          {"pid",      (*server)->process().pid()},
          {"threads",  options.threads           },
          {"ready_ms", (*server)->ready_ms()     }
      });
      targets.push_back((*server)->target());
      servers.push_back(*std::move(server));
    }
  }
  const auto single_ms = time_single(context, targets.front());
  if (!single_ms) return single_ms.error();
  context.tell({
      {"type", "single"  },
      {"ms",   *single_ms}
  });
  const auto found = find_rate(context, targets, *single_ms);
  if (context.stop.stop_requested()) return stopped();
  context.tell({
      {"type", "found"                             },
      {"rate", found ? Json(*found) : Json(nullptr)}
  });
  const LoadStep step{"hold", request.rate, request.seconds, request.seed};
  const HeldLoad load = hold(context, targets, step);
  if (context.stop.stop_requested()) return stopped();
  Json result = figures(load, step);
  result["type"] = "result";
  context.tell(std::move(result));
  return Ok{};
}

/// Both services on this machine, in turn, at the same rates.
Status python_or_cpp(const LabContext& context) {
  const std::pair<const char*, LoadTarget> services[] = {
      {"beralih", context.own          },
      {"python",  *context.options.peer}
  };
  double slowest_ms = 0;
  for (const auto& [name, target] : services) {
    const auto single_ms = time_single(context, target);
    if (!single_ms) return single_ms.error();
    slowest_ms = std::max(slowest_ms, *single_ms);
    std::vector<double> ms;
    for (int i = 0; i < context.request.requests; ++i) {
      if (context.stop.stop_requested()) return stopped();
      const LoadSample sample = send_one(target, context.body, std::chrono::seconds(30));
      if (sample.status != 200) {
        return Error{ErrorCode::kIo, std::string(name) + " answered " +
                                         std::to_string(sample.status) +
                                         " instead of a prediction"};
      }
      ms.push_back(ms_between(sample.sent, sample.end));
    }
    context.tell({
        {"type",    "single"},
        {"service", name    },
        {"ms",      ms      }
    });
  }
  // What the slower one can still bear.
  const double rate = std::max(1.0, std::floor(0.5 * 1000 / slowest_ms));
  for (const auto& [name, target] : services) {
    const LoadStep step{name, rate, context.request.seconds, context.request.seed};
    const HeldLoad load = hold(context, {target}, step);
    if (context.stop.stop_requested()) return stopped();
    Json result = figures(load, step);
    result["type"] = "result";
    result["service"] = name;
    context.tell(std::move(result));
  }
  return Ok{};
}

}  // namespace

Status run_experiment(const LabContext& context) {
  switch (context.request.experiment) {
    case LabExperiment::kWhenToLoad: return when_to_load(context);
    case LabExperiment::kFailure: return failure(context);
    case LabExperiment::kChallenge: return challenge(context);
    case LabExperiment::kPythonOrCpp: return python_or_cpp(context);
  }
  return Ok{};
}

}  // namespace beralih
