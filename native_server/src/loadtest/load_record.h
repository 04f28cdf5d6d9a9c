// What a load test saw, and its report.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "loadtest/histogram.h"
#include "loadtest/verdict.h"

namespace beralih {

/// Latencies in nanoseconds.
struct LoadTestRecord {
  Histogram latency;   ///< of answers with 200, from the scheduled time
  Histogram service;   ///< the same answers, from when they were sent
  Histogram send_lag;  ///< how late this program woke up although a connection was free
  uint64_t scheduled = 0;
  uint64_t served = 0;
  uint64_t served_late = 0;            ///< 200, but over the limit
  uint64_t refused = 0;                ///< 429
  uint64_t waited_for_connection = 0;  ///< due while every connection was in use
  uint64_t not_sent = 0;               ///< still due when the test gave up
  std::map<int, uint64_t> statuses;    ///< other than 200 and 429
  std::map<std::string, uint64_t> transport_errors;
  double seconds = 0;

  void merge(const LoadTestRecord& other);
  uint64_t failed() const;
  /// Late, refused or failed: each counts against the claim.
  uint64_t over_limit() const { return scheduled - served + served_late; }
};

struct LoadSettings {
  std::string url;
  std::string body;  ///< what was sent
  double rate = 50;
  double duration_s = 60;
  size_t connections = 0;
  uint64_t seed = 1;
  int64_t deadline_ms = 0;
  bool keep_alive = true;
  double limit_ms = 50;
  double give_up_s = 30;  ///< for an answer, and after the last arrival
  Claim claim;
};

/// Whether the numbers say more about this program than about the server; empty if they do not.
std::string client_warning(const LoadTestRecord& record, const LoadSettings& settings);

/// "beralih.loadtest/1", 2-space indent and a final newline.
std::string load_report_json(const LoadTestRecord& record, const LoadSettings& settings);
std::string load_report_text(const LoadTestRecord& record, const LoadSettings& settings);

}  // namespace beralih
