#include <algorithm>
#include <optional>
#include <utility>

#include "http/handlers.h"
#include "http/request_checks.h"
#include "http/request_log.h"
#include "http/wire.h"

namespace beralih {
namespace {

/// The image itself is recognised by its bytes; the type only has to say that the body is one.
std::optional<Problem> refuse_content_type(const httplib::Request& request) {
  const std::string type = media_type(request);
  if (type.empty() || type.starts_with("image/") || type == "application/octet-stream")
    return std::nullopt;
  std::string detail =
      "The body must be the image's bytes with a Content-Type of image/jpeg, image/png or "
      "application/octet-stream, not " +
      type.substr(0, 80);
  if (type == "application/x-www-form-urlencoded") {
    detail += ", which curl --data-binary sends by itself: add -H 'Content-Type: image/jpeg'";
  } else if (type == "multipart/form-data") {
    detail += ": send the file as the body, with curl --data-binary @FILE instead of -F";
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

}  // namespace

void handle_classify(const Exchange& exchange) {
  const std::shared_ptr<Classifier> classifier = exchange.state.classifier_for_request();
  size_t k = kDefaultTopK;
  std::optional<Problem> refusal;
  const auto options = request_options(exchange.request);
  if (classifier == nullptr) {
    refusal = problem_for_status(503, "The server is not ready: " + exchange.state.reason());
  } else {
    const VerifiedContract& identity = classifier->bundle().identity;
    exchange.response.set_header("Beralih-Contract", identity.preprocessing_hash);
    refusal = refuse_content_type(exchange.request);
    if (!refusal) refusal = refuse_contract(exchange.request, identity);
    if (!refusal) refusal = refuse_parameters(exchange.request);
    if (!refusal && !options) refusal = problem_for(options.error());
    const size_t classes = classifier->bundle().labels.size();
    k = std::min(k, classes);
    if (!refusal && exchange.request.has_param("k")) {
      const auto parsed = parse_top_k(exchange.request.get_param_value("k"), classes);
      if (parsed) {
        k = *parsed;
      } else {
        refusal = problem_for(parsed.error());
      }
    }
  }

  if (!refusal) refusal = refuse_body(exchange, "the image's bytes");
  if (refusal) return exchange.fail(*refusal);

  const auto* data = reinterpret_cast<const uint8_t*>(exchange.body.data());
  const auto answer = classifier->classify({data, exchange.body.size()}, k, *options);
  if (!answer) return exchange.fail(problem_for(answer.error()));
  exchange.response.status = 200;
  exchange.response.set_header("Cache-Control", "no-store");
  exchange.report_timings(answer->timings);
  exchange.response.set_content(classification_json(*answer, *classifier, current_request_id()),
                                kJson);
}

}  // namespace beralih
