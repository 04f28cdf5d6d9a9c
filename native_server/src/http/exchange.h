// One request and its answer, as the handlers see them.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "engine/model_host.h"
#include "http/access_control.h"
#include "http/connection_counts.h"
#include "http/negotiation.h"
#include "http/origin.h"
#include "http/problem.h"
#include "http/serving_state.h"
#include "http/static_site.h"
#include "telemetry/run_events.h"
#include "telemetry/server_metrics.h"

namespace beralih {

class Lab;

struct RouteOptions {
  size_t max_body_bytes = 0;
  std::shared_ptr<const StaticSite> site;
  OriginLists origins;
  ServerMetrics* metrics = nullptr;  ///< never null; outlives the server
  std::function<ConnectionCounts()> connections;
  RunEvents* events = nullptr;                   ///< never null; outlives the server
  std::shared_ptr<const AccessControl> access;   ///< never null
  std::function<Result<ReloadReport>()> reload;  ///< of the bundle; empty: there is none
  std::function<Status()> reread;                ///< of keys and certificate; may be empty
  std::shared_ptr<Lab> lab;                      ///< nullptr: lab mode is off
};

inline constexpr const char* kJson = "application/json";

struct Exchange {
  const ServingState& state;
  const RouteOptions& options;
  std::string_view route;  ///< the pattern in the table that the path fits; empty: none
  const httplib::Request& request;
  httplib::Response& response;
  std::string_view body;
  httplib::Ranges ranges;  ///< the Range header

  void fail(const Problem& problem) const;
  void fail_not_ready() const;
  /// What the request took: as the Server-Timing header, and for the metrics.
  void report_timings(const StageTimings& timings) const;
  /// What stands in the path where the route has "{name}"; empty if it has none of that name.
  std::string_view path_argument(std::string_view name) const;
};

/// Answers 200, 206, 304 or 416 with a representation, without copying it. The other headers are
/// the caller's.
void send_representation(const Exchange& exchange, const Representation& representation,
                         const std::string& content_type);

}  // namespace beralih
