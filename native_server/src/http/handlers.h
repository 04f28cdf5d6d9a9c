// The handlers of the route table in routes.cpp.
#pragma once

#include "http/exchange.h"

namespace beralih {

void handle_classify(const Exchange& exchange);
void handle_contract(const Exchange& exchange);
void handle_artifacts(const Exchange& exchange);
void handle_events(const Exchange& exchange);
void handle_version(const Exchange& exchange);
void handle_openapi(const Exchange& exchange);
void handle_live(const Exchange& exchange);
void handle_ready(const Exchange& exchange);

// The Open Inference Protocol's.
void handle_server_metadata(const Exchange& exchange);
void handle_model_metadata(const Exchange& exchange);
void handle_model_ready(const Exchange& exchange);
void handle_infer(const Exchange& exchange);

/// Reads API keys and certificate anew; then opens the bundle anew and serves it, if its golden
/// cases come out.
void handle_reload(const Exchange& exchange);

void handle_metrics(const Exchange& exchange);

// Lab mode.
void handle_lab(const Exchange& exchange);
void handle_lab_start(const Exchange& exchange);
void handle_lab_run(const Exchange& exchange);
void handle_lab_stop(const Exchange& exchange);

/// /bundle/PATH: what the page needs of the bundle.
void handle_bundle(const Exchange& exchange);

/// Answers from the page's files; false, with nothing done, if the path is none of theirs.
bool handle_page(const Exchange& exchange);
/// 404, as a page for who asks for one.
void handle_unknown(const Exchange& exchange);

}  // namespace beralih
