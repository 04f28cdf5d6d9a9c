#include "telemetry/server_metrics.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "telemetry/process.h"

namespace beralih {
namespace {

std::string bound_text(double bound) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", bound);
  return text.data();
}

/// A known route and method have few values: what comes from outside is not one of them.
std::string_view known_method(std::string_view method) {
  constexpr std::string_view kMethods[] = {"GET", "HEAD",  "POST",  "OPTIONS",
                                           "PUT", "PATCH", "DELETE"};
  const auto* known = std::find(std::begin(kMethods), std::end(kMethods), method);
  return known == std::end(kMethods) ? "other" : *known;
}

}  // namespace

void DurationHistogram::observe(double seconds) {
  const auto bucket = std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin();
  counts_[static_cast<size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(static_cast<uint64_t>(std::llround(std::max(0.0, seconds) * 1e9)),
                    std::memory_order_relaxed);
}

void DurationHistogram::render(PrometheusText& text, std::string_view label,
                               std::string_view value) const {
  uint64_t below = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    below += counts_[i].load(std::memory_order_relaxed);
    const std::string bound = i < kBounds.size() ? bound_text(kBounds[i]) : "+Inf";
    text.sample(static_cast<double>(below),
                {
                    {label, value},
                    {"le",  bound}
    },
                "_bucket");
  }
  const double sum = static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) / 1e9;
  text.sample(sum,
              {
                  {label, value}
  },
              "_sum");
  text.sample(static_cast<double>(below),
              {
                  {label, value}
  },
              "_count");
}

void ServerMetrics::count_request(std::string_view route, std::string_view method, int status,
                                  double seconds) {
  const std::lock_guard lock(mutex_);
  ++requests_[{std::string(route), std::string(known_method(method)), status}];
  durations_[std::string(route)].observe(seconds);
}

void ServerMetrics::observe_stage(std::string_view stage, double milliseconds) {
  const std::lock_guard lock(mutex_);
  stages_[std::string(stage)].observe(milliseconds / 1000);
}

void ServerMetrics::count_shed(std::string_view reason) {
  const std::lock_guard lock(mutex_);
  ++sheds_[std::string(reason)];
}

void ServerMetrics::render(PrometheusText& text) const {
  const std::lock_guard lock(mutex_);
  text.family("beralih_http_requests_total", "counter", "Answers by route, method and status.");
  for (const auto& [key, count] : requests_) {
    const auto& [route, method, status] = key;
    text.sample(static_cast<double>(count),
                {
                    {"route",  route                 },
                    {"method", method                },
                    {"code",   std::to_string(status)}
    });
  }
  text.family("beralih_http_request_duration_seconds", "histogram",
              "From a request's header to its answer, by route.");
  for (const auto& [route, histogram] : durations_) histogram.render(text, "route", route);
  text.family("beralih_stage_duration_seconds", "histogram",
              "Stages of the requests that were answered with a prediction.");
  for (const auto& [stage, histogram] : stages_) histogram.render(text, "stage", stage);
  text.family("beralih_requests_shed_total", "counter",
              "Requests refused or dropped although nothing was wrong with them, by reason.");
  for (const auto& [reason, count] : sheds_)
    text.sample(static_cast<double>(count), {
                                                {"reason", reason}
    });
}

void render_process_metrics(PrometheusText& text) {
  const ProcessUsage usage = process_usage();
  const auto started =
      std::chrono::duration<double>(program_started_at().time_since_epoch()).count();
  struct Row {
    const char* name;
    const char* type;
    const char* help;
    double value;
  };
  // clang-format off
  const Row rows[] = {
      {"process_cpu_seconds_total",     "counter", "User and system CPU time in seconds.",       usage.cpu_seconds},
      {"process_resident_memory_bytes", "gauge",   "Resident memory in bytes.",                  static_cast<double>(process_memory().rss_bytes)},
      {"process_virtual_memory_bytes",  "gauge",   "Virtual memory in bytes.",                   static_cast<double>(usage.virtual_bytes)},
      {"process_open_fds",              "gauge",   "Open file descriptors.",                     static_cast<double>(usage.open_fds)},
      {"process_max_fds",               "gauge",   "Most file descriptors that may be open.",    static_cast<double>(usage.max_fds)},
      {"process_start_time_seconds",    "gauge",   "Start of the program, seconds since 1970.",  started},
  };
  // clang-format on
  for (const Row& row : rows) {
    text.family(row.name, row.type, row.help);
    text.sample(row.value);
  }
}

}  // namespace beralih
