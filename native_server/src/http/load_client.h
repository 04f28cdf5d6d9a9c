// Sends a schedule of requests to servers, for `beralih loadtest` and the lab.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "beralih/result.h"
#include "http/server_address.h"
#include "loadtest/arrivals.h"
#include "loadtest/load_record.h"

namespace beralih {

struct LoadTarget {
  ServerAddress server;
  std::string path;
};

/// http://HOST[:PORT]/PATH, or https. Errors: kInvalidArgument.
Result<LoadTarget> parse_load_target(const std::string& url);

struct LoadBody {
  std::string content_type;
  std::string bytes;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Datatype and shape of a model's first input. Errors: kIo, kInvalidArgument.
Result<std::pair<std::string, std::vector<int64_t>>> fetch_model_input(const LoadTarget& target);

struct LoadProgress {
  double seconds = 0;
  uint64_t done = 0;
  uint64_t failed = 0;  ///< everything but 200
};

/// Sends one request of each body first, which is not counted. Errors: kIo where nothing answers,
/// kInvalidArgument where the first answer is an error that the load would only repeat.
Status probe_load(const LoadTarget& target, const std::vector<LoadBody>& bodies);

/// One request and what became of it.
struct LoadSample {
  std::chrono::steady_clock::time_point due;
  std::chrono::steady_clock::time_point sent;
  std::chrono::steady_clock::time_point end;
  int status = 0;         ///< 0: no answer
  bool connected = true;  ///< false: nobody accepted the connection, so nothing was sent
};

/// From the call of run_load() to the start of its schedule: the first arrivals find all threads
/// up.
inline constexpr std::chrono::milliseconds kLoadStart{100};

struct LoadHooks {
  std::function<void(const LoadProgress&)> on_progress;  ///< may be empty
  /// May be empty; called by all connections, one call at a time.
  std::function<void(const LoadSample&)> on_answer;
  std::stop_token stop;  ///< ends the load; what is not sent yet is not counted
};

/// Blocks until everything is answered, or until `give_up_s` after the last arrival. The
/// connections are spread over the targets.
LoadTestRecord run_load(const std::vector<LoadTarget>& targets, const std::vector<LoadBody>& bodies,
                        const std::vector<Arrival>& arrivals, const LoadSettings& settings,
                        const LoadHooks& hooks);

/// One request on a connection of its own, due at once.
LoadSample send_one(const LoadTarget& target, const LoadBody& body, std::chrono::seconds timeout);

}  // namespace beralih
