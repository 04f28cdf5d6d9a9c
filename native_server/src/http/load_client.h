// Sends a schedule of requests to a server, for `beralih loadtest`.
#pragma once

#include <chrono>
#include <functional>
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

/// Blocks until everything is answered, or until `give_up` after the last arrival.
LoadTestRecord run_load(const LoadTarget& target, const std::vector<LoadBody>& bodies,
                        const std::vector<Arrival>& arrivals, const LoadSettings& settings,
                        const std::function<void(const LoadProgress&)>& on_progress);

}  // namespace beralih
