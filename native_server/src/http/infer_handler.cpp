// The Open Inference Protocol (v2) for the one model of this server.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <utility>

#include "http/handlers.h"
#include "http/infer_input.h"
#include "http/infer_request.h"
#include "http/infer_response.h"
#include "http/request_checks.h"
#include "http/run_report.h"

namespace beralih {
namespace {

constexpr const char* kJsonBytesHeader = "Inference-Header-Content-Length";
constexpr const char* kBinary = "application/octet-stream";

Json tensor_json(const TensorMetadata& tensor) {
  return {
      {"name",     tensor.name    },
      {"datatype", tensor.datatype},
      {"shape",    tensor.shape   }
  };
}

void send_json(const Exchange& exchange, const Json& json) {
  exchange.response.status = 200;
  exchange.response.set_content(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n",
                                kJson);
}

/// A model or version in the path that is not the one that is served.
std::optional<Problem> refuse_model(const Exchange& exchange, const Contract& contract) {
  constexpr size_t kMostEchoed = 80;
  const std::string model(exchange.path_argument("model"));
  const std::string version(exchange.path_argument("version"));
  if (model != contract.name) {
    return problem_for_status(404, "no model \"" + model.substr(0, kMostEchoed) +
                                       "\" here; this server serves \"" + contract.name + "\"");
  }
  if (!version.empty() && version != contract.version) {
    return problem_for_status(404, "no version \"" + version.substr(0, kMostEchoed) + "\" of \"" +
                                       contract.name + "\" here; this server serves version \"" +
                                       contract.version + "\"");
  }
  return std::nullopt;
}

/// The classifier if it is ready and the path names its model; otherwise the answer is made.
std::shared_ptr<Classifier> named_model(const Exchange& exchange) {
  std::shared_ptr<Classifier> classifier = exchange.state.classifier();
  if (classifier == nullptr) {
    exchange.fail_not_ready();
  } else if (const auto refusal = refuse_model(exchange, classifier->bundle().contract())) {
    exchange.fail(*refusal);
    classifier.reset();
  }
  return classifier;
}

Result<std::optional<size_t>> read_json_bytes(const httplib::Request& request) {
  if (!request.has_header(kJsonBytesHeader)) return std::optional<size_t>();
  const std::string text = request.get_header_value(kJsonBytesHeader);
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return Error{ErrorCode::kInvalidArgument, std::string(kJsonBytesHeader) +
                                                  " must be a whole number, not \"" +
                                                  text.substr(0, 40) + "\""};
  }
  return std::optional(value);
}

Result<InferRequest> read_request(const Exchange& exchange, const Contract& contract) {
  const auto json_bytes = read_json_bytes(exchange.request);
  if (!json_bytes) return json_bytes.error();
  const std::span bytes(reinterpret_cast<const uint8_t*>(exchange.body.data()),
                        exchange.body.size());
  if (*json_bytes && **json_bytes == 0)
    return raw_infer_request(bytes, media_type(exchange.request), contract);
  return parse_infer_request(bytes, *json_bytes);
}

/// Errors: kInvalidArgument where the model has not exactly those inputs and outputs.
Status check_names(const InferRequest& request, const Contract& contract) {
  if (request.inputs.size() != 1 || request.inputs.front().name != contract.input.name) {
    return Error{
        ErrorCode::kInvalidArgument,
        "the model has one input, \"" + contract.input.name + "\"; the request has " +
            (request.inputs.size() == 1 ? "\"" + request.inputs.front().name.substr(0, 80) + "\""
                                        : std::to_string(request.inputs.size()))};
  }
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    const std::string& name = request.outputs[i].name;
    if (name != contract.output.name || i > 0) {
      return Error{ErrorCode::kInvalidArgument,
                   "the model has one output, \"" + contract.output.name + "\"; the request " +
                       (i > 0 ? "asks for more" : "asks for \"" + name.substr(0, 80) + "\"")};
    }
  }
  return Ok{};
}

/// The headers' wishes, and the timeout parameter's where it is the earlier.
Result<RequestOptions> options_of(const Exchange& exchange, const InferRequest& request) {
  using std::chrono::microseconds;
  constexpr uint64_t kLongest = 86'400'000'000;  // a day; 0 means none, as in Triton
  auto options = request_options(exchange.request);
  if (!options || request.timeout_us.value_or(0) == 0) return options;
  const auto timeout =
      std::chrono::steady_clock::now() + microseconds(std::min(*request.timeout_us, kLongest));
  options->deadline = std::min(options->deadline.value_or(timeout), timeout);
  return options;
}

Result<InferResponse> infer(const Exchange& exchange, Classifier& classifier,
                            const std::shared_ptr<RunReport>& report) {
  const Contract& contract = classifier.bundle().contract();
  auto request = read_request(exchange, contract);
  if (!request) return request.error();
  if (auto status = check_names(*request, contract); !status) return status.error();
  auto items = batch_of(request->inputs.front(), contract);
  if (!items) return items.error();
  auto options = options_of(exchange, *request);
  if (!options) return options.error();
  options->observer = report;
  const auto outcome = classifier.infer(*std::move(items), *options);
  if (!outcome) return outcome.error();
  exchange.report_timings(outcome->timings);
  return infer_response(*request, *outcome, classifier.bundle());
}

void answer_infer(const Exchange& exchange, const std::shared_ptr<RunReport>& report) {
  const std::shared_ptr<Classifier> classifier = exchange.state.classifier();
  std::optional<Problem> refusal;
  if (classifier == nullptr) {
    refusal = problem_for_status(503, "not ready: " + exchange.state.reason());
  } else {
    const VerifiedContract& identity = classifier->bundle().identity;
    exchange.response.set_header("Beralih-Contract", identity.preprocessing_hash);
    refusal = refuse_model(exchange, identity.contract);
    if (!refusal) refusal = refuse_contract(exchange.request, identity);
  }
  if (!refusal) refusal = refuse_body(exchange, "an inference request");
  if (refusal) return exchange.fail(*refusal);

  auto response = infer(exchange, *classifier, report);
  if (!response) return exchange.fail(problem_for(response.error()));
  exchange.response.status = 200;
  exchange.response.set_header("Cache-Control", "no-store");
  if (response->json_bytes)
    exchange.response.set_header(kJsonBytesHeader, std::to_string(*response->json_bytes));
  exchange.response.set_content(std::move(response->body), response->json_bytes ? kBinary : kJson);
}

}  // namespace

void handle_server_metadata(const Exchange& exchange) {
  send_json(exchange, {
                          {"name",       "beralih"                                             },
                          {"version",    BERALIH_VERSION                                       },
                          {"extensions", {"classification", "binary_tensor_data", "parameters"}}
  });
}

void handle_model_metadata(const Exchange& exchange) {
  const auto classifier = named_model(exchange);
  if (classifier == nullptr) return;
  const VerifiedContract& identity = classifier->bundle().identity;
  const Contract& contract = identity.contract;
  const char* const platform = classifier->engine().predicts ? "pytorch_torchscript" : "null";
  send_json(exchange, {
                          {"name",       contract.name                              },
                          {"versions",   Json::array({contract.version})            },
                          {"platform",   platform                                   },
                          {"inputs",     Json::array({tensor_json(contract.input)}) },
                          {"outputs",    Json::array({tensor_json(contract.output)})},
                          {"parameters",
                           {{"contract_hash", identity.contract_hash},
                            {"preprocessing_hash", identity.preprocessing_hash}}    }
  });
}

void handle_model_ready(const Exchange& exchange) {
  const auto classifier = named_model(exchange);
  if (classifier == nullptr) return;
  const Contract& contract = classifier->bundle().contract();
  send_json(exchange, {
                          {"name",  contract.name},
                          {"ready", true         }
  });
}

void handle_infer(const Exchange& exchange) { answer_reporting(exchange, answer_infer); }

}  // namespace beralih
