// POST /api/classify: one image as the body, or several as a form.
#include <algorithm>
#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "http/handlers.h"
#include "http/request_checks.h"
#include "http/request_log.h"
#include "http/run_report.h"
#include "http/wire.h"

namespace beralih {
namespace {

constexpr const char* kForm = "multipart/form-data";

/// The image itself is recognised by its bytes; the type only has to say that the body is one.
std::optional<Problem> refuse_content_type(const httplib::Request& request) {
  const std::string type = media_type(request);
  if (type.empty() || type.starts_with("image/") || type == "application/octet-stream" ||
      type == kForm) {
    return std::nullopt;
  }
  std::string detail =
      "The body must be the image's bytes with a Content-Type of image/jpeg, image/png or "
      "application/octet-stream, or several images as multipart/form-data, not " +
      type.substr(0, 80);
  if (type == "application/x-www-form-urlencoded") {
    detail += ", which curl --data-binary sends by itself: add -H 'Content-Type: image/jpeg'";
  }
  return problem_for_status(415, detail);
}

/// A parameter that is misspelt would otherwise be ignored without a word.
std::optional<Problem> refuse_parameters(const httplib::Request& request) {
  constexpr size_t kMostEchoed = 80;
  for (const auto& [name, value] : request.params) {
    if (name == "k") continue;
    return problem_for({ErrorCode::kInvalidArgument,
                        "There is no query parameter \"" + name.substr(0, kMostEchoed) +
                            "\"; the only one is k, the number of predictions"});
  }
  return std::nullopt;
}

/// k, or why the request is refused before its body is looked at.
std::optional<Problem> check_request(const Exchange& exchange, const Classifier& classifier,
                                     size_t& k) {
  const VerifiedContract& identity = classifier.bundle().identity;
  if (auto refusal = refuse_content_type(exchange.request)) return refusal;
  if (auto refusal = refuse_contract(exchange.request, identity)) return refusal;
  if (auto refusal = refuse_parameters(exchange.request)) return refusal;
  const size_t classes = classifier.bundle().labels.size();
  k = std::min(kDefaultTopK, classes);
  if (exchange.request.has_param("k")) {
    const auto parsed = parse_top_k(exchange.request.get_param_value("k"), classes);
    if (!parsed) return problem_for(parsed.error());
    k = *parsed;
  }
  return refuse_body(exchange, "the image's bytes");
}

void send(const Exchange& exchange, const StageTimings& timings, const std::string& json) {
  exchange.response.status = 200;
  exchange.response.set_header("Cache-Control", "no-store");
  exchange.report_timings(timings);
  exchange.response.set_content(json, kJson);
}

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// Nothing of it could be done because the server had no room: then the whole request is refused.
bool is_refused(const std::vector<Result<Classification>>& answers) {
  return std::all_of(answers.begin(), answers.end(), [](const auto& answer) {
    return !answer && (answer.error().code == ErrorCode::kOverloaded ||
                       answer.error().code == ErrorCode::kUnavailable);
  });
}

void classify_form(const Exchange& exchange, Classifier& classifier, size_t k,
                   const RequestOptions& options, RunReport* report) {
  const auto start = std::chrono::steady_clock::now();
  const auto parts =
      parse_multipart(exchange.body, exchange.request.get_header_value("Content-Type"));
  if (!parts) return exchange.fail(problem_for(parts.error()));
  std::vector<std::span<const uint8_t>> images;
  for (const FormPart& part : *parts) images.push_back(bytes_of(part.content));
  const auto answers = classifier.classify_all(images, k, options);
  if (is_refused(answers)) return exchange.fail(problem_for(answers.front().error()));

  StageTimings timings;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (answers[i]) {
      timings.add_stages(answers[i]->timings);
    } else if (report != nullptr) {
      report->failed(i, problem_for(answers[i].error()));
    }
  }
  timings.total_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  send(exchange, timings, form_answer_json(*parts, answers, classifier, current_request_id()));
}

void classify(const Exchange& exchange, const std::shared_ptr<RunReport>& report) {
  const std::shared_ptr<Classifier> classifier = exchange.state.classifier_for_request();
  if (classifier == nullptr) return exchange.fail_not_ready();
  exchange.response.set_header("Beralih-Contract",
                               classifier->bundle().identity.preprocessing_hash);
  size_t k = 0;
  if (const auto refusal = check_request(exchange, *classifier, k)) return exchange.fail(*refusal);
  auto options = request_options(exchange.request);
  if (!options) return exchange.fail(problem_for(options.error()));
  options->observer = report;
  if (media_type(exchange.request) == kForm)
    return classify_form(exchange, *classifier, k, *options, report.get());
  const auto answer = classifier->classify(bytes_of(exchange.body), k, *options);
  if (!answer) return exchange.fail(problem_for(answer.error()));
  send(exchange, answer->timings, classification_json(*answer, *classifier, current_request_id()));
}

}  // namespace

void handle_classify(const Exchange& exchange) { answer_reporting(exchange, classify); }

}  // namespace beralih
