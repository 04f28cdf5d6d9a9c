// GET /metrics, in Prometheus' text format.
#include <algorithm>
#include <atomic>
#include <string>

#include "http/handlers.h"
#include "telemetry/nvml.h"
#include "telemetry/prometheus_text.h"

namespace beralih {
namespace {

double number(const std::atomic<uint64_t>& value) { return static_cast<double>(value.load()); }

void render_scheduler(PrometheusText& text, const SchedulerMetrics& metrics) {
  text.family("beralih_queue_depth", "gauge",
              "Requests accepted and not answered, by where they are.");
  text.sample(static_cast<double>(metrics.admitted.load()), {
                                                                {"state", "preparing"}
  });
  text.sample(static_cast<double>(metrics.waiting.load()), {
                                                               {"state", "waiting"}
  });
  text.sample(static_cast<double>(metrics.running.load()), {
                                                               {"state", "running"}
  });

  text.family("beralih_batch_size", "histogram", "Requests that the network answered together.");
  uint64_t below = 0;
  uint64_t requests = 0;
  for (size_t size = 1; size < metrics.batch_sizes.size(); ++size) {
    const uint64_t count = metrics.batch_sizes[size];
    below += count;
    requests += count * size;
    if ((size & (size - 1)) == 0)  // powers of two are bounds
      text.sample(static_cast<double>(below),
                  {
                      {"le", std::to_string(size)}
      },
                  "_bucket");
  }
  text.sample(static_cast<double>(below),
              {
                  {"le", "+Inf"}
  },
              "_bucket");
  text.sample(static_cast<double>(requests), {}, "_sum");
  text.sample(static_cast<double>(below), {}, "_count");

  text.family("beralih_batch_padding_total", "counter", "Rows computed for nobody.");
  text.sample(number(metrics.padding));
  text.family("beralih_inference_seconds_total", "counter", "Time that the network has worked.");
  text.sample(number(metrics.inference_time_us) / 1e6);
  text.family("beralih_requests_dropped_total", "counter",
              "Requests accepted and dropped before the network saw them, by reason.");
  text.sample(number(metrics.expired), {
                                           {"reason", "deadline"}
  });
  text.sample(number(metrics.cancelled), {
                                             {"reason", "client_gone"}
  });
}

void render_events(PrometheusText& text, const RunEvents::Counts& counts) {
  text.family("beralih_event_subscribers", "gauge", "Open streams of /api/events.");
  text.sample(static_cast<double>(counts.subscribers));
  text.family("beralih_event_runs", "gauge", "Runs whose last events are kept.");
  text.sample(static_cast<double>(counts.runs));
  text.family("beralih_events_total", "counter", "Events of runs.");
  text.sample(static_cast<double>(counts.published));
  text.family("beralih_event_streams_dropped_total", "counter",
              "Streams ended because their client read too slowly.");
  text.sample(static_cast<double>(counts.dropped));
}

void render_device(PrometheusText& text, const EngineMetadata& engine) {
  const DeviceFacts& card = *engine.device_facts;
  const DeviceStatistics& statistics = *engine.device_statistics;
  text.family("beralih_device_info", "gauge", "Always 1; its labels name the accelerator.");
  text.sample(1, {
                     {"name",    card.name   },
                     {"uuid",    card.uuid   },
                     {"compute", card.compute},
                     {"cuda",    card.runtime}
  });
  text.family("beralih_device_memory_bytes", "gauge", "The accelerator's memory.");
  text.sample(static_cast<double>(card.memory_bytes), {
                                                          {"kind", "total"}
  });
  text.sample(static_cast<double>(statistics.memory_used_bytes.load()), {
                                                                            {"kind", "used"}
  });
  text.sample(static_cast<double>(statistics.memory_own_bytes.load()), {
                                                                           {"kind", "own"}
  });
  text.family("beralih_device_batches_total", "counter", "Batches that the accelerator computed.");
  text.sample(number(statistics.batches));
  text.family("beralih_device_seconds_total", "counter",
              "Time of the accelerator's batches, by what was done.");
  text.sample(number(statistics.staging_us) / 1e6, {
                                                       {"stage", "staging"}
  });
  text.sample(number(statistics.copy_us) / 1e6, {
                                                    {"stage", "copy"}
  });
  text.sample(number(statistics.compute_us) / 1e6, {
                                                       {"stage", "compute"}
  });
  text.family("beralih_device_uploaded_bytes_total", "counter", "Inputs sent to the accelerator.");
  text.sample(number(statistics.uploaded_bytes));
  const auto reading = read_nvml(card.uuid);
  if (!reading) return;
  text.family("beralih_device_clock_hertz", "gauge", "The accelerator's clocks.");
  text.sample(reading->sm_clock_mhz * 1e6, {
                                               {"clock", "sm"}
  });
  text.sample(reading->memory_clock_mhz * 1e6, {
                                                   {"clock", "memory"}
  });
  text.family("beralih_device_temperature_celsius", "gauge", "The accelerator's temperature.");
  text.sample(reading->temperature_c);
  text.family("beralih_device_power_watts", "gauge", "What the accelerator draws.");
  text.sample(reading->power_w);
}

}  // namespace

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
  if (classifier != nullptr) render_scheduler(text, classifier->scheduler().metrics());
  if (classifier != nullptr && classifier->engine().device_statistics != nullptr)
    render_device(text, classifier->engine());
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
  render_events(text, exchange.options.events->counts());
  exchange.options.metrics->render(text);
  render_process_metrics(text);
  exchange.response.status = 200;
  exchange.response.set_header("Cache-Control", "no-store");
  exchange.response.set_content(std::move(text).take(), std::string(kPrometheusContentType));
}

}  // namespace beralih
