// JSON <-> structs of the HTTP API and of `beralih predict --json`.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "beralih/result.h"
#include "engine/classifier.h"
#include "engine/model_host.h"
#include "http/multipart.h"

namespace beralih {

inline constexpr size_t kDefaultTopK = 5;

/// The 200 body of POST /api/classify, one line. `file`, unless empty, is its first member: one
/// command may classify many.
std::string classification_json(const Classification& answer, const Classifier& classifier,
                                std::string_view request_id, std::string_view file = {});

/// The 200 body for a form of several images: an array with an answer or a problem for each.
std::string form_answer_json(const std::vector<FormPart>& parts,
                             const std::vector<Result<Classification>>& answers,
                             const Classifier& classifier, std::string_view request_id);

/// The 200 body of POST /api/admin/reload.
std::string reload_json(const ReloadReport& report);

/// The Server-Timing header's value.
std::string server_timing(const StageTimings& timings);

/// `?k=`: a whole number from 1 to `classes`. Errors: kInvalidArgument.
Result<size_t> parse_top_k(std::string_view text, size_t classes);

/// Calls `visit(name, milliseconds)` for every stage but the total.
void for_each_stage(const StageTimings& timings,
                    const std::function<void(std::string_view, double)>& visit);

/// The trace id of a W3C traceparent header; empty if the header is none.
std::string trace_id_of(std::string_view traceparent);

/// 32 hexadecimal digits of randomness.
std::string make_request_id();

/// A client's X-Request-ID if it is short and printable, a new one otherwise.
std::string accept_request_id(std::string_view from_client);

}  // namespace beralih
