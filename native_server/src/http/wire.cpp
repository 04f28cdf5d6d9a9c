#include "http/wire.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "beralih/sha256.h"
#include "http/problem.h"
#include "telemetry/processor.h"

namespace beralih {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxRequestIdBytes = 128;

struct Stage {
  const char* name;
  double StageTimings::*value;
};

// clang-format off
constexpr Stage kStages[] = {
    {"decode",      &StageTimings::decode_ms},
    {"resize",      &StageTimings::resize_ms},
    {"normalize",   &StageTimings::normalize_ms},
    {"queue",       &StageTimings::queue_ms},
    {"inference",   &StageTimings::inference_ms},
    {"postprocess", &StageTimings::postprocess_ms},
    {"total",       &StageTimings::total_ms},
};
// clang-format on

/// Microseconds are as fine as the clock is meaningful here.
double round_to_microseconds(double milliseconds) { return std::round(milliseconds * 1000) / 1000; }

void write_classification(Json& json, const Classification& answer, const Classifier& classifier,
                          std::string_view request_id) {
  const VerifiedContract& identity = classifier.bundle().identity;
  json["model"] = {
      {"name",    identity.contract.name   },
      {"version", identity.contract.version}
  };
  json["contract_hash"] = identity.contract_hash;
  json["preprocessing_hash"] = identity.preprocessing_hash;
  json["device"] = classifier.engine().device;
  json["engine"] = {
      {"library",    classifier.engine().library},
      {"variant",    classifier.engine().variant},
      {"dtype",      classifier.engine().dtype  },
      {"threads",    classifier.engine().threads},
      {"batch_size", answer.batch_size          },
      {"batch_rows", answer.batch_rows          },
      {"cpu",        processor_description()    }
  };
  json["request_id"] = request_id;
  json["image"] = {
      {"format", image_format_name(answer.format)},
      {"width",  answer.image_size.width         },
      {"height", answer.image_size.height        },
      {"bytes",  answer.image_bytes              },
      {"sha256", answer.image_sha256             }
  };
  json["tensor"] = {
      {"datatype", answer.tensor_datatype},
      {"shape",    answer.tensor_shape   },
      {"sha256",   answer.tensor_sha256  }
  };
  json["logits"] = {
      {"sha256", answer.logits_sha256}
  };
  json["predictions"] = Json::array();
  for (const Prediction& prediction : answer.predictions) {
    json["predictions"].push_back({
        {"index",       prediction.index                                                 },
        {"label",       classifier.bundle().labels[static_cast<size_t>(prediction.index)]},
        {"probability", prediction.probability                                           }
    });
  }
  for (const Stage& stage : kStages)
    json["timings_ms"][stage.name] = round_to_microseconds(answer.timings.*stage.value);
}

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string classification_json(const Classification& answer, const Classifier& classifier,
                                std::string_view request_id, std::string_view file) {
  Json json;
  if (!file.empty()) json["file"] = file;
  write_classification(json, answer, classifier, request_id);
  return line_of(json);
}

std::string form_answer_json(const std::vector<FormPart>& parts,
                             const std::vector<Result<Classification>>& answers,
                             const Classifier& classifier, std::string_view request_id) {
  Json all = Json::array();
  for (size_t i = 0; i < parts.size(); ++i) {
    Json item{
        {"item",     i                },
        {"name",     parts[i].name    },
        {"filename", parts[i].filename}
    };
    if (answers[i]) {
      item["status"] = 200;
      write_classification(item["answer"], *answers[i], classifier, request_id);
    } else {
      const Problem problem = problem_for(answers[i].error());
      item["status"] = problem.status;
      item["problem"] = Json::parse(problem_json(problem, request_id));
    }
    all.push_back(std::move(item));
  }
  return line_of(all);
}

std::string reload_json(const ReloadReport& report) {
  const Json json{
      {"contract_before", report.contract_before                         },
      {"contract_after",  report.contract_after                          },
      {"changed",         report.contract_before != report.contract_after},
      {"total_ms",        round_to_microseconds(report.total_ms)         }
  };
  return json.dump() + "\n";
}

std::string server_timing(const StageTimings& timings) {
  std::string out;
  for (const Stage& stage : kStages) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%s%s;dur=%.3f", out.empty() ? "" : ", ", stage.name,
                  timings.*stage.value);
    out += text.data();
  }
  return out;
}

void for_each_stage(const StageTimings& timings,
                    const std::function<void(std::string_view, double)>& visit) {
  for (const Stage& stage : kStages) {
    if (stage.value != &StageTimings::total_ms) visit(stage.name, timings.*stage.value);
  }
}

std::string trace_id_of(std::string_view traceparent) {
  // version "-" trace-id "-" parent-id "-" flags, lower case hexadecimal; no id is all zeros.
  constexpr std::string_view kForm = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  const auto fits = [](char c, char form) {
    return form == '-' ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  };
  if (traceparent.size() != kForm.size() || traceparent.starts_with("ff") ||
      !std::equal(traceparent.begin(), traceparent.end(), kForm.begin(), fits)) {
    return {};
  }
  const std::string_view trace = traceparent.substr(3, 32);
  const std::string_view parent = traceparent.substr(36, 16);
  const auto is_zero = [](std::string_view id) {
    return id.find_first_not_of('0') == std::string_view::npos;
  };
  return is_zero(trace) || is_zero(parent) ? std::string() : std::string(trace);
}

Result<size_t> parse_top_k(std::string_view text, size_t classes) {
  size_t k = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), k);
  if (error != std::errc{} || end != text.data() + text.size() || k < 1 || k > classes) {
    return Error{ErrorCode::kInvalidArgument, "k must be a whole number from 1 to " +
                                                  std::to_string(classes) + ", not \"" +
                                                  std::string(text.substr(0, 40)) + "\""};
  }
  return k;
}

std::string make_request_id() {
  // Several at once: a system call for each request costs more than all the rest of this, and
  // std::random_device asks the processor for every 4 bytes, which took 0.2 ms a request.
  constexpr size_t kBytes = 16;
  thread_local std::array<uint8_t, 16 * kBytes> random;
  thread_local size_t used = random.size();
  if (used == random.size()) {
    if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
      std::abort();
    used = 0;
  }
  return to_hex(std::span(random).subspan(std::exchange(used, used + kBytes), kBytes));
}

std::string accept_request_id(std::string_view from_client) {
  const bool printable = std::all_of(from_client.begin(), from_client.end(),
                                     [](char c) { return c > 0x20 && c < 0x7f; });
  if (from_client.empty() || from_client.size() > kMaxRequestIdBytes || !printable)
    return make_request_id();
  return std::string(from_client);
}

}  // namespace beralih
