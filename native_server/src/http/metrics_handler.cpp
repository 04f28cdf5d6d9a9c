// GET /metrics, in Prometheus' text format.
#include "http/handlers.h"
#include "telemetry/prometheus_text.h"

namespace beralih {

void handle_metrics(const Exchange& exchange) {
  PrometheusText text;
  const std::shared_ptr<Classifier> classifier = exchange.state.classifier();
  text.family("beralih_ready", "gauge", "1 while the server answers predictions.");
  text.sample(classifier != nullptr ? 1 : 0);
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
  exchange.options.metrics->render(text);
  render_process_metrics(text);
  exchange.response.status = 200;
  exchange.response.set_header("Cache-Control", "no-store");
  exchange.response.set_content(std::move(text).take(), std::string(kPrometheusContentType));
}

}  // namespace beralih
