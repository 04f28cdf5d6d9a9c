// What the server counts over its life. Thread-safe; /metrics renders it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

#include "telemetry/prometheus_text.h"

namespace beralih {

/// Cumulative buckets in seconds, from a tenth of a millisecond to ten seconds.
class DurationHistogram {
 public:
  static constexpr std::array<double, 16> kBounds{
      .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};

  void observe(double seconds);
  void render(PrometheusText& text, std::string_view label, std::string_view value) const;

 private:
  std::array<std::atomic<uint64_t>, kBounds.size() + 1> counts_{};
  std::atomic<uint64_t> sum_ns_{0};
};

class ServerMetrics {
 public:
  /// `route`: the route's pattern, never the path as the client wrote it.
  void count_request(std::string_view route, std::string_view method, int status, double seconds);
  void observe_stage(std::string_view stage, double milliseconds);
  /// A request that was refused although nothing was wrong with it.
  void count_shed(std::string_view reason);

  void render(PrometheusText& text) const;

 private:
  using RequestKey = std::tuple<std::string, std::string, int>;  ///< route, method, status

  mutable std::mutex mutex_;  ///< guards the maps, whose members stay where they are
  std::map<RequestKey, uint64_t> requests_;
  std::map<std::string, DurationHistogram, std::less<>> durations_;  ///< by route
  std::map<std::string, DurationHistogram, std::less<>> stages_;
  std::map<std::string, uint64_t, std::less<>> sheds_;
};

/// CPU, memory, descriptors and age of this process, by the names of Prometheus' own clients.
void render_process_metrics(PrometheusText& text);

}  // namespace beralih
