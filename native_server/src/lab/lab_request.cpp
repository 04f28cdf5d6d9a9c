#include "lab/lab_request.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

namespace beralih {
namespace {

using Json = nlohmann::json;

template <typename Value>
struct Named {
  std::string_view name;
  Value value;
};

constexpr Named<LabExperiment> kExperiments[] = {
    {"when-to-load",  LabExperiment::kWhenToLoad },
    {"failure",       LabExperiment::kFailure    },
    {"challenge",     LabExperiment::kChallenge  },
    {"python-or-cpp", LabExperiment::kPythonOrCpp}
};
constexpr Named<LoadPolicy> kPolicies[] = {
    {"at-start",      LoadPolicy::kAtStart     },
    {"per-request",   LoadPolicy::kEveryRequest},
    {"first-request", LoadPolicy::kFirstRequest}
};
constexpr Named<LabFault> kFaults[] = {
    {"kill",  LabFault::kKill },
    {"stall", LabFault::kStall}
};
constexpr Named<bool> kTargets[] = {
    {"plan",   false},
    {"server", true }
};

Error invalid(const std::string& message) { return {ErrorCode::kInvalidArgument, message}; }

template <typename Value, size_t N>
std::string choices(const Named<Value> (&names)[N]) {
  std::string out;
  for (const auto& [name, value] : names) out += (out.empty() ? "" : ", ") + std::string(name);
  return out;
}

/// Takes members from an object, and remembers what was wrong first and which were never asked for.
class Members {
 public:
  explicit Members(const Json& json) : json_(json) {
    for (const auto& [name, value] : json.items()) left_.insert(name);
  }

  template <typename Value, size_t N>
  void take(const std::string& name, Value& into, const Named<Value> (&names)[N],
            bool required = false) {
    const Json* value = find(name);
    if (value == nullptr) {
      if (required) fail("\"" + name + "\" is missing; there are " + choices(names));
      return;
    }
    const std::string text = value->is_string() ? value->get<std::string>() : "";
    for (const auto& [known, meaning] : names) {
      if (text != known) continue;
      into = meaning;
      return;
    }
    fail("\"" + name + "\" is one of " + choices(names));
  }

  template <typename Number>
  void take(const std::string& name, Number& into, double least, double most, bool whole) {
    const Json* value = find(name);
    if (value == nullptr) return;
    const double number = value->is_number() ? value->get<double>() : -1;
    if (!(number >= least && number <= most) || (whole && !value->is_number_integer())) {
      const auto text = [](double bound) { return Json(static_cast<int64_t>(bound)).dump(); };
      return fail("\"" + name + "\" is a " + (whole ? "whole " : "") + "number from " +
                  text(least) + " to " + text(most));
    }
    into = static_cast<Number>(number);
  }

  Status finish() {
    if (!left_.empty() && !error_)
      fail("there is no member \"" + left_.begin()->substr(0, 40) + "\" for this experiment");
    if (error_) return *error_;
    return Ok{};
  }

 private:
  const Json* find(const std::string& name) {
    left_.erase(name);
    const auto found = json_.find(name);
    return found == json_.end() ? nullptr : &*found;
  }

  void fail(const std::string& message) {
    if (!error_) error_ = invalid("The request for an experiment: " + message);
  }

  const Json& json_;
  std::set<std::string> left_;
  std::optional<Error> error_;
};

}  // namespace

std::string_view experiment_name(LabExperiment experiment) {
  for (const auto& [name, value] : kExperiments)
    if (value == experiment) return name;
  return {};
}

std::string_view policy_name(LoadPolicy policy) {
  for (const auto& [name, value] : kPolicies)
    if (value == policy) return name;
  return {};
}

Result<LabRequest> parse_lab_request(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object())
    return invalid("The body must be a JSON object, as in {\"experiment\": \"when-to-load\"}");
  LabRequest request;
  Members members(json);
  members.take("experiment", request.experiment, kExperiments, true);
  members.take("seed", request.seed, 0, 4294967295.0, true);
  switch (request.experiment) {
    case LabExperiment::kWhenToLoad: members.take("requests", request.requests, 2, 20, true); break;
    case LabExperiment::kFailure:
      request.seconds = 8;
      members.take("fault", request.fault, kFaults);
      members.take("rate", request.rate, 1, 300, false);
      members.take("seconds", request.seconds, 4, 60, false);
      break;
    case LabExperiment::kChallenge:
      request.rate = 50;
      request.seconds = 10;
      members.take("rate", request.rate, 1, 300, false);
      members.take("seconds", request.seconds, 1, 60, false);
      members.take("target", request.own_server, kTargets);
      members.take("loading", request.loading, kPolicies);
      members.take("batching", request.batching, 1, 8, true);
      members.take("replicas", request.replicas, 1, 3, true);
      break;
    case LabExperiment::kPythonOrCpp:
      request.requests = 40;
      request.seconds = 6;
      members.take("requests", request.requests, 4, 200, true);
      members.take("seconds", request.seconds, 1, 30, false);
      break;
  }
  if (auto status = members.finish(); !status) return status.error();
  return request;
}

}  // namespace beralih
