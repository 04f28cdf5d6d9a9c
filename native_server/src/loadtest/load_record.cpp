#include "loadtest/load_record.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kNsPerMs = 1e6;
constexpr std::array<double, 7> kPercentiles{50, 75, 90, 95, 99, 99.9, 99.99};
constexpr int64_t kLateNs = 1'000'000;
constexpr double kTolerableShare = 0.01;

double ms(int64_t nanoseconds) { return static_cast<double>(nanoseconds) / kNsPerMs; }

// "50", "99.9".
std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", value);
  return text.data();
}

Json histogram_json(const Histogram& histogram) {
  Json json{
      {"count", histogram.count()          },
      {"mean",  histogram.mean() / kNsPerMs},
      {"min",   ms(histogram.min())        }
  };
  for (const double percentile : kPercentiles)
    json["p" + number(percentile)] = ms(histogram.percentile(percentile));
  json["max"] = ms(histogram.max());
  return json;
}

// The latency that the claim's percentile is below, at its confidence. Nothing where requests that
// were not served reach into that rank.
std::optional<double> percentile_bound(const LoadTestRecord& record, const Claim& claim) {
  const auto allowed = most_over_limit(claim, record.scheduled);
  if (!allowed || record.scheduled - *allowed > record.served) return std::nullopt;
  return ms(record.latency.value_at_rank(record.scheduled - *allowed));
}

std::string claim_text(const LoadSettings& settings) {
  return "p" + number(settings.claim.percentile * 100) + " <= " + number(settings.limit_ms) +
         " ms at " + number(settings.claim.confidence * 100) + " % confidence";
}

}  // namespace

void LoadTestRecord::merge(const LoadTestRecord& other) {
  latency.merge(other.latency);
  service.merge(other.service);
  send_lag.merge(other.send_lag);
  scheduled += other.scheduled;
  served += other.served;
  served_late += other.served_late;
  refused += other.refused;
  waited_for_connection += other.waited_for_connection;
  not_sent += other.not_sent;
  for (const auto& [status, count] : other.statuses) statuses[status] += count;
  for (const auto& [kind, count] : other.transport_errors) transport_errors[kind] += count;
  seconds = std::max(seconds, other.seconds);
}

uint64_t LoadTestRecord::failed() const { return scheduled - served - refused; }

std::string client_warning(const LoadTestRecord& record, const LoadSettings& settings) {
  std::string text;
  const auto total = static_cast<double>(record.scheduled);
  // A few late wake-ups are any machine's.
  constexpr uint64_t kTolerable = 3;
  const uint64_t sent = record.send_lag.count();
  const uint64_t tolerable =
      std::max(kTolerable, static_cast<uint64_t>(kTolerableShare * static_cast<double>(sent)));
  if (sent > tolerable && record.send_lag.value_at_rank(sent - tolerable) > kLateNs) {
    text =
        "The client itself was the bottleneck: more than 1 % of the requests were sent over 1 ms "
        "late although a connection was free. Use a lower --rate, or another machine.";
  }
  if (static_cast<double>(record.waited_for_connection) > kTolerableShare * total) {
    if (!text.empty()) text += ' ';
    text += "All " + std::to_string(settings.connections) + " connections were in use when " +
            number(std::round(100 * static_cast<double>(record.waited_for_connection) / total)) +
            " % of the requests were due; their wait is in the latency. If the server is not "
            "overloaded, raise --connections.";
  }
  return text;
}

std::string load_report_json(const LoadTestRecord& record, const LoadSettings& settings) {
  Json errors{
      {"refused_429", record.refused },
      {"not_sent",    record.not_sent}
  };
  errors["status"] = Json::object();
  for (const auto& [status, count] : record.statuses)
    errors["status"][std::to_string(status)] = count;
  errors["transport"] = Json::object();
  for (const auto& [kind, count] : record.transport_errors) errors["transport"][kind] = count;
  const auto bound = percentile_bound(record, settings.claim);
  const std::string warning = client_warning(record, settings);
  const Json report{
      {"schema",              "beralih.loadtest/1"                                 },
      {"settings",
       {{"url", settings.url},
        {"body", settings.body},
        {"rate", settings.rate},
        {"duration_s", settings.duration_s},
        {"connections", settings.connections},
        {"keep_alive", settings.keep_alive},
        {"seed", settings.seed},
        {"deadline_ms", settings.deadline_ms}}                                     },
      {"requests",
       {{"scheduled", record.scheduled},
        {"served", record.served},
        {"refused", record.refused},
        {"failed", record.failed()}}                                               },
      {"seconds",             record.seconds                                       },
      {"served_per_second",
       record.seconds > 0 ? static_cast<double>(record.served) / record.seconds : 0},
      {"errors",              errors                                               },
      {"latency_ms",          histogram_json(record.latency)                       },
      {"service_ms",          histogram_json(record.service)                       },
      {"histogram_precision", Histogram::kPrecision                                },
      {"verdict",
       {{"claim", claim_text(settings)},
        {"passed", claim_holds(settings.claim, record.scheduled, record.over_limit())},
        {"over_limit", record.over_limit()},
        {"fewest_requests", fewest_requests(settings.claim, record.over_limit())},
        {"percentile_bound_ms", bound ? Json(*bound) : Json(nullptr)}}             },
      {"client",
       {{"send_lag_ms", histogram_json(record.send_lag)},
        {"waited_for_connection", record.waited_for_connection},
        {"warning", warning.empty() ? Json(nullptr) : Json(warning)}}              }
  };
  return report.dump(2) + "\n";
}

std::string load_report_text(const LoadTestRecord& record, const LoadSettings& settings) {
  std::array<char, 256> line{};
  std::string text;
  const auto add = [&](const char* format, auto... values) {
    std::snprintf(line.data(), line.size(), format, values...);
    text += line.data();
  };
  const auto count = [](uint64_t value) { return static_cast<unsigned long long>(value); };
  add("%llu requests in %.1f s: %llu served (%.1f/s), %llu refused (429), %llu failed\n",
      count(record.scheduled), record.seconds, count(record.served),
      record.seconds > 0 ? static_cast<double>(record.served) / record.seconds : 0.0,
      count(record.refused), count(record.failed()));
  for (const auto& [status, number_of] : record.statuses)
    add("  status %d: %llu\n", status, count(number_of));
  for (const auto& [kind, number_of] : record.transport_errors)
    add("  %s: %llu\n", kind.c_str(), count(number_of));
  if (record.not_sent) add("  not sent before the test gave up: %llu\n", count(record.not_sent));
  if (record.served) {
    text += "latency from the scheduled time, ms:";
    for (const double percentile : kPercentiles)
      add("  p%g %.2f", percentile, ms(record.latency.percentile(percentile)));
    add("  max %.2f\n", ms(record.latency.max()));
  }
  const bool passed = claim_holds(settings.claim, record.scheduled, record.over_limit());
  text += claim_text(settings) + (passed ? ": passed" : ": NOT passed");
  add(" (%llu of %llu over; ", count(record.over_limit()), count(record.scheduled));
  if (const auto allowed = most_over_limit(settings.claim, record.scheduled)) {
    add("%llu allowed)\n", count(*allowed));
  } else {
    add("at least %llu requests are needed)\n", count(fewest_requests(settings.claim, 0)));
  }
  const std::string warning = client_warning(record, settings);
  return warning.empty() ? text : text + warning + "\n";
}

}  // namespace beralih
