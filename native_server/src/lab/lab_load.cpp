#include "lab/lab_load.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "loadtest/arrivals.h"
#include "loadtest/verdict.h"

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr double kGiveUpS = 5;
constexpr double kNsPerMs = 1e6;
constexpr size_t kFewestConnections = 16;
constexpr size_t kMostConnections = 64;
constexpr double kHighestRate = 2000;

double ms_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

/// Whole microseconds: more digits only make the answer longer.
double rounded(double ms) { return std::round(ms * 1000) / 1000; }

/// Collects samples and tells them in portions.
class SampleTeller {
 public:
  SampleTeller(const LabContext& context, std::string phase)
      : context_(context), phase_(std::move(phase)) {}

  void add(const LoadSample& sample) {
    const std::lock_guard lock(mutex_);
    samples_.push_back(sample);
  }

  void tell() {
    Json event{
        {"type",  "samples"},
        {"phase", phase_   }
    };
    for (const char* list : {"due", "sent", "done", "status"}) event[list] = Json::array();
    {
      const std::lock_guard lock(mutex_);
      if (told_ == samples_.size()) return;
      for (; told_ < samples_.size(); ++told_) {
        const LoadSample& sample = samples_[told_];
        event["due"].push_back(rounded(ms_between(start_, sample.due)));
        event["sent"].push_back(rounded(ms_between(start_, sample.sent)));
        event["done"].push_back(rounded(ms_between(start_, sample.end)));
        event["status"].push_back(sample.status);
      }
    }
    context_.tell(std::move(event));
  }

  std::vector<LoadSample> take() { return std::move(samples_); }
  Clock::time_point start() const { return start_; }

 private:
  const LabContext& context_;
  std::string phase_;
  Clock::time_point start_ = Clock::now() + kLoadStart;
  std::mutex mutex_;
  std::vector<LoadSample> samples_;
  size_t told_ = 0;
};

}  // namespace

Error stopped() { return {ErrorCode::kCancelled, "the experiment was stopped"}; }

HeldLoad hold(const LabContext& context, const std::vector<LoadTarget>& targets,
              const LoadStep& step) {
  LoadSettings settings;
  settings.rate = step.rate;
  settings.duration_s = step.seconds;
  settings.limit_ms = kBudgetMs;
  settings.give_up_s = kGiveUpS;
  settings.connections =
      std::clamp(static_cast<size_t>(step.rate), kFewestConnections, kMostConnections);
  const auto duration = std::chrono::nanoseconds(static_cast<int64_t>(step.seconds * 1e9));
  const auto arrivals = poisson_arrivals(step.rate, duration, 1, step.seed);
  context.tell({
      {"type",     "phase"        },
      {"phase",    step.phase     },
      {"rate",     step.rate      },
      {"seconds",  step.seconds   },
      {"requests", arrivals.size()}
  });
  SampleTeller teller(context, step.phase);
  LoadHooks hooks;
  hooks.on_progress = [&](const LoadProgress&) { teller.tell(); };
  hooks.on_answer = [&](const LoadSample& sample) { teller.add(sample); };
  hooks.stop = context.stop;
  HeldLoad held;
  held.record = run_load(targets, {context.body}, arrivals, settings, hooks);
  teller.tell();
  held.samples = teller.take();
  held.start = teller.start();
  const LoadTestRecord& record = held.record;
  // Short steps have few requests: one straggler is not a rate that cannot be held.
  const auto straggling =
      static_cast<uint64_t>(std::ceil(static_cast<double>(record.scheduled) / 100));
  held.holds = record.scheduled > 0 && record.served == record.scheduled &&
               record.over_limit() <= straggling;
  return held;
}

Json figures(const HeldLoad& load, const LoadStep& step) {
  const LoadTestRecord& record = load.record;
  const auto latency = [&](double percentile) {
    return record.served == 0
               ? Json(nullptr)
               : Json(rounded(static_cast<double>(record.latency.percentile(percentile)) /
                              kNsPerMs));
  };
  Json json;
  json["rate"] = step.rate;
  json["seconds"] = step.seconds;
  json["requests"] = record.scheduled;
  json["served"] = record.served;
  json["refused"] = record.refused;
  json["failed"] = record.failed();
  json["late"] = record.served_late;
  json["p50_ms"] = latency(50);
  json["p99_ms"] = latency(99);
  json["max_ms"] = latency(100);
  json["holds"] = load.holds;
  // 99 of 100 within the budget, at 99 % confidence.
  json["claim"] = record.scheduled > 0 && claim_holds({}, record.scheduled, record.over_limit());
  return json;
}

Result<double> time_single(const LabContext& context, const LoadTarget& target) {
  constexpr int kRequests = 6;
  std::vector<double> ms;
  for (int i = 0; i < kRequests; ++i) {
    if (context.stop.stop_requested()) return stopped();
    const LoadSample sample = send_one(target, context.body, std::chrono::seconds(10));
    if (sample.status != 200) {
      return Error{ErrorCode::kIo, "A single request to port " +
                                       std::to_string(target.server.port) + " got " +
                                       std::to_string(sample.status) + " instead of a prediction"};
    }
    if (i > 0) ms.push_back(ms_between(sample.sent, sample.end));
  }
  std::sort(ms.begin(), ms.end());
  return ms[ms.size() / 2];
}

std::optional<double> find_rate(const LabContext& context, const std::vector<LoadTarget>& targets,
                                double single_ms) {
  constexpr double kCareful = 0.3;  // of what one request after the other would give
  constexpr double kUp = 1.5;
  constexpr double kPrecise = 1.12;
  constexpr int kMostSteps = 10;
  if (single_ms > kBudgetMs) return std::nullopt;
  double rate =
      std::max(1.0, std::floor(kCareful * 1000 / single_ms * static_cast<double>(targets.size())));
  double good = 0;
  double bad = 0;
  for (int number = 1; number <= kMostSteps && !context.stop.stop_requested(); ++number) {
    // Long enough for 60 requests, short enough to wait for.
    const LoadStep step{"search-" + std::to_string(number), rate, std::clamp(60 / rate, 1.5, 5.0),
                        context.request.seed};
    const HeldLoad load = hold(context, targets, step);
    if (context.stop.stop_requested()) break;
    Json event = figures(load, step);
    event["type"] = "step";
    context.tell(std::move(event));
    (load.holds ? good : bad) = rate;
    if (bad > 0 && good > 0 && bad / good <= kPrecise) break;
    if (bad == 0) {
      rate = std::min(kHighestRate, std::ceil(rate * kUp));
      if (rate == good) break;
    } else if (good == 0) {
      if (rate <= 1) break;
      rate = std::max(1.0, std::floor(rate / 2));
    } else {
      rate = std::round((good + bad) / 2);
      if (rate == good || rate == bad) break;
    }
  }
  return good > 0 ? std::optional(good) : std::nullopt;
}

}  // namespace beralih
