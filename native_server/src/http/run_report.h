// Tells a run what becomes of one of its requests, as events (schema: native_server/api/events.md).
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "http/exchange.h"
#include "scheduling/request_observer.h"
#include "telemetry/run_events.h"

namespace beralih {

class RunReport : public RequestObserver {
 public:
  RunReport(RunEvents& events, std::string run, std::string request_id);
  ~RunReport() override;

  void accepted(size_t items, size_t before) override;
  void preprocessed(size_t item, const PreprocessResult& result,
                    const std::string& tensor_sha256) override;
  void queued(size_t item, size_t waiting) override;
  void batched(size_t item, size_t batch_size, size_t batch_rows, double waited_ms) override;
  void inferred(size_t item, size_t batch_size, double inference_ms) override;

  /// One image of several came to nothing.
  void failed(size_t item, const Problem& problem);
  /// The last event of the request. `problem`: its code; `limit`: which one refused it; may be
  /// empty.
  void answered(int status, const std::string& problem, const std::string& limit);

 private:
  void publish(const char* type, const nlohmann::ordered_json& members);

  RunEvents& events_;
  const std::string run_;
  const std::string request_id_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Answers the request with `work`, and tells its run where the X-Beralih-Run header names one;
/// `report` is nullptr where it does not. A header that is no run's id is answered with 400.
void answer_reporting(const Exchange& exchange,
                      void (*work)(const Exchange&, const std::shared_ptr<RunReport>& report));

}  // namespace beralih
