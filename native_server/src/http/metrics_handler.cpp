// GET /metrics, in Prometheus' text format.
#include <algorithm>

#include "http/handlers.h"
#include "telemetry/prometheus_text.h"

namespace beralih {

void handle_metrics(const Exchange& exchange) {
  PrometheusText text;
  const std::shared_ptr<Classifier> classifier = exchange.state.classifier();
  text.family("beralih_ready", "gauge", "1 while the server answers predictions.");
  text.sample(exchange.state.ready() ? 1 : 0);
  if (classifier != nullptr) {
    const VerifiedContract& identity = classifier->bundle().identity;
    const EngineMetadata& engine = classifier->engine();
    text.family("beralih_model_info", "gauge", "Always 1; its labels name what is served.");
    text.sample(1, {
                       {"name",               identity.contract.name     },
                       {"version",            identity.contract.version  },
                       {"contract_hash",      identity.contract_hash     },
                       {"preprocessing_hash", identity.preprocessing_hash},
                       {"device",             engine.device              },
                       {"dtype",              engine.dtype               }
    });
  }
  const ConnectionCounts connections = exchange.options.connections();
  text.family("beralih_http_connections", "gauge", "Open connections.");
  const size_t active = std::min(connections.in_request, connections.open);
  text.sample(static_cast<double>(active), {
                                               {"state", "active"}
  });
  text.sample(static_cast<double>(connections.open - active), {
                                                                  {"state", "idle"}
  });
  text.family("beralih_http_connections_accepted_total", "counter", "Connections accepted.");
  text.sample(static_cast<double>(connections.accepted));
  text.family("beralih_http_connections_refused_total", "counter",
              "Connections refused because too many were open.");
  text.sample(static_cast<double>(connections.refused));
  exchange.options.metrics->render(text);
  render_process_metrics(text);
  exchange.response.status = 200;
  exchange.response.set_header("Cache-Control", "no-store");
  exchange.response.set_content(std::move(text).take(), std::string(kPrometheusContentType));
}

}  // namespace beralih
