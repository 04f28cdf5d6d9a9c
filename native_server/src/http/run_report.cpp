#include "http/run_report.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "http/request_log.h"

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;

double rounded(double milliseconds) { return std::round(milliseconds * 1000) / 1000; }

}  // namespace

RunReport::RunReport(RunEvents& events, std::string run, std::string request_id)
    : events_(events), run_(std::move(run)), request_id_(std::move(request_id)) {
  events_.begin_request(run_);
}

RunReport::~RunReport() { events_.end_request(run_); }

void RunReport::publish(const char* type, const Json& members) {
  const double at =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
  Json json{
      {"request_id", request_id_},
      {"at_ms",      rounded(at)}
  };
  json.update(members);
  events_.publish(run_, type, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void RunReport::accepted(size_t items, size_t before) {
  publish("accepted", {
                          {"items",       items },
                          {"queue_depth", before}
  });
}

void RunReport::preprocessed(size_t item, const PreprocessResult& result,
                             const std::string& tensor_sha256) {
  // One pass decodes and resizes row by row: both are known when it is over.
  publish("decoded", {
                         {"item",   item                                   },
                         {"format", image_format_name(result.header.format)},
                         {"width",  result.oriented.width                  },
                         {"height", result.oriented.height                 },
                         {"ms",     rounded(result.timings.decode_ms)      }
  });
  const Json tensor{
      {"datatype", datatype_name(result.tensor.dtype())},
      {"shape",    result.tensor.shape                 },
      {"sha256",   tensor_sha256                       }
  };
  const double milliseconds = result.timings.resize_ms + result.timings.normalize_ms;
  publish("preprocessed", {
                              {"item",   item                 },
                              {"tensor", tensor               },
                              {"ms",     rounded(milliseconds)}
  });
}

void RunReport::queued(size_t item, size_t waiting) {
  publish("queued", {
                        {"item",    item   },
                        {"waiting", waiting}
  });
}

void RunReport::batched(size_t item, size_t batch_size, size_t batch_rows, double waited_ms) {
  publish("batched", {
                         {"item",       item              },
                         {"batch_size", batch_size        },
                         {"batch_rows", batch_rows        },
                         {"waited_ms",  rounded(waited_ms)}
  });
}

void RunReport::inferred(size_t item, size_t batch_size, double inference_ms) {
  publish("inferred",
          {
              {"item",       item                 },
              {"batch_size", batch_size           },
              {"ms",         rounded(inference_ms)}
  });
}

void RunReport::failed(size_t item, const Problem& problem) {
  publish("failed", {
                        {"item",    item          },
                        {"status",  problem.status},
                        {"problem", problem.code  }
  });
}

void RunReport::answered(int status, const std::string& problem, const std::string& limit) {
  constexpr int kTooLate = 504;
  constexpr int kClientGone = 499;
  if (status == 429 || status == 503) {
    publish("shed", {
                        {"limit", limit}
    });
  } else if (status == kTooLate || status == kClientGone) {
    publish("cancelled", {
                             {"reason", status == kTooLate ? "deadline" : "client_gone"}
    });
  }
  Json members{
      {"status", status}
  };
  if (!problem.empty()) members["problem"] = problem;
  publish("answered", members);
}

void answer_reporting(const Exchange& exchange,
                      void (*work)(const Exchange&, const std::shared_ptr<RunReport>&)) {
  constexpr const char* kHeader = "X-Beralih-Run";
  if (!exchange.request.has_header(kHeader)) return work(exchange, nullptr);
  const std::string run = exchange.request.get_header_value(kHeader);
  if (!is_run_id(run)) {
    return exchange.fail(problem_for(
        {ErrorCode::kInvalidArgument,
         "The header X-Beralih-Run wants 128 random bits as 32 lower-case hexadecimal digits, not "
         "\"" +
             run.substr(0, 40) + "\""}));
  }
  const auto report =
      std::make_shared<RunReport>(*exchange.options.events, run, current_request_id());
  work(exchange, report);
  report->answered(exchange.response.status, current_problem().code, current_problem().reason);
}

}  // namespace beralih
