// beralih serve: listen, load, be ready, drain.

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cli/commands.h"
#include "cli/loading_flags.h"
#include "cli/report.h"
#include "cli/stop_events.h"
#include "engine/classifier.h"
#include "engine/device_choice.h"
#include "engine/engine_module.h"
#include "engine/model_host.h"
#include "http/server.h"
#include "http/static_site.h"
#include "telemetry/access_log.h"
#include "telemetry/process.h"
#include "telemetry/service_manager.h"

namespace beralih {
namespace {

struct ServeFlags {
  std::string bundle = kDefaultBundle;
  HttpOptions http;
  std::string expected_contract;  ///< empty: whichever the bundle has
  std::string web_directory;      ///< empty: the page that is compiled in
  ClassifierOptions classifier;
  EngineOptions engine;
  std::string cpu_engine = "mapped";
  int64_t batch_delay_us = 0;
  int64_t deadline_ms = 10'000;
  int64_t drain_delay_ms = 0;
  double canary_s = 10;
  /// 0: one image at a time on the CPU, where that gives the same bits every time and costs little
  /// throughput; kCudaBatch on a card.
  size_t max_batch = 0;
  bool quiet = false;
};

constexpr size_t kCudaBatch = 64;

std::string ready_line(const Classifier& classifier, double total_ms) {
  const StartRecord& start = classifier.start_record();
  const EngineMetadata& engine = classifier.engine();
  const VerifiedContract& identity = classifier.bundle().identity;
  std::string tried;
  for (const EngineCandidate& each : engine.candidates) {
    char measured[32];
    std::snprintf(measured, sizeof measured, "%.1f ms", each.forward_ms);
    tried += (tried.empty() ? " (tried " : ", ") + each.name + " " +
             (each.refusal.empty() ? measured : "refused: " + each.refusal);
  }
  if (!tried.empty()) tried += ")";
  char times[256];
  std::snprintf(times, sizeof times,
                "ready in %.2f s (bundle checked %.0f ms, %zu of %zu files hashed; engine %.0f ms: "
                "library and "
                "program %.0f, weights attached %.1f, warm-up %.0f; golden case %.0f ms)",
                total_ms / 1000, start.bundle_ms, classifier.bundle().hashed_files,
                classifier.bundle().files.size(), start.engine_ms, engine.load.architecture_ms,
                engine.load.attach_ms, engine.load.warm_up_ms, start.golden_ms);
  std::string card;
  if (engine.device_facts) {
    char loading[128];
    std::snprintf(loading, sizeof loading, " (%s; context %.0f ms, weights uploaded %.0f ms)",
                  engine.device_facts->name.c_str(), engine.load.context_ms, engine.load.upload_ms);
    card = loading;
  }
  return std::string(times) + "; model " + identity.contract.name + " " +
         identity.contract.version + ", contract " + identity.contract_hash + "; " + engine.device +
         card + " " + engine.dtype + " " + engine.variant + tried + ", " +
         std::to_string(engine.threads) + " threads, " + engine.library + "\n";
}

/// Errors: kInvalidBundle if the flag names another contract than the bundle's.
Status check_expected_contract(const ServeFlags& flags, const Bundle& bundle) {
  const std::string& found = bundle.identity.contract_hash;
  if (flags.expected_contract.empty() || flags.expected_contract == found) return Ok{};
  return Error{ErrorCode::kInvalidBundle,
               bundle.directory.string() + ": its contract is " + found +
                   ", but --expect-contract asks for " + flags.expected_contract +
                   "; serve the bundle of that contract, or change the expectation"};
}

void reload(ModelHost& host) {
  const auto report = host.reload();
  if (!report) {
    write_log_line("not reloaded, nothing has changed: " + report.error().message + "\n");
    return;
  }
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.2f", report->total_ms / 1000);
  write_log_line("reloaded in " + std::string(seconds) + " s; contract " + report->contract_after +
                 (report->contract_after == report->contract_before
                      ? ", as before"
                      : ", before it " + report->contract_before) +
                 "\n");
}

ModelHostOptions host_options(const ServeFlags& flags) {
  ModelHostOptions options;
  options.bundle = flags.bundle;
  options.classifier = flags.classifier;
  options.classifier.batch_delay = std::chrono::microseconds(flags.batch_delay_us);
  options.classifier.default_deadline = std::chrono::milliseconds(flags.deadline_ms);
  options.classifier.max_batch = flags.max_batch;
  options.canary_interval = std::chrono::milliseconds(static_cast<int64_t>(flags.canary_s * 1000));
  options.make_engine = [&flags](const Bundle& bundle) -> Result<std::unique_ptr<InferenceEngine>> {
    if (auto expected = check_expected_contract(flags, bundle); !expected) return expected.error();
    return make_engine(bundle, flags.engine);
  };
  return options;
}

std::shared_ptr<const StaticSite> index_page(const std::string& directory) {
  if (directory.empty()) return nullptr;  // the built-in page
  auto site = StaticSite::index(directory);
  if (!site) fail_command(site.error());
  for (const std::string& skipped : (*site)->skipped())
    write_log_line("not served: " + skipped + "\n");
  return *std::move(site);
}

void serve(const ServeFlags& flags) {
  StopEvents stop_events;
  ServingState state;
  HttpOptions http = flags.http;
  http.site = index_page(flags.web_directory);
  HttpServer server(std::move(http), state);
  if (auto started = server.start(); !started) fail_command(started.error());
  write_log_line("listening on " + server.url() + "\n");

  std::optional<Error> load_error;
  std::atomic<bool> device_lost{false};
  double ready_after_ms = 0;  // of the first classifier; a reload does not change it
  ModelHost host(host_options(flags),
                 {
                     .publish =
                         [&](const std::shared_ptr<Classifier>& classifier) {
                           const bool first = ready_after_ms == 0;
                           if (first) ready_after_ms = program_age_ms();
                           state.publish(classifier, ready_after_ms);
                           if (!first) return;
                           write_log_line(ready_line(*classifier, ready_after_ms));
                           notify_service_manager("READY=1");
                         },
                     .withdraw = [&](const std::string& reason) { state.withdraw(reason); },
                     .log = [](const std::string& line) { write_log_line(line); },
                     .lost =
                         [&](const std::string& reason) {
                           state.fail(reason);
                           device_lost = true;
                           stop_events.raise();
                         },
                 });
  std::jthread loader([&] {
    // Linking libtorch takes as long as hashing the bundle: both at once. An error shows up in
    // make_engine.
    const std::jthread linking([] { (void)load_engine_module(); });
    if (auto started = host.start(); !started) {
      load_error = started.error();
      stop_events.raise();
    }
  });

  // Reloading takes a while, during which the other signals must be seen.
  std::jthread reloader;
  while (stop_events.wait_for_reload()) reloader = std::jthread([&] { reload(host); });
  loader.join();
  if (!device_lost) state.begin_drain("the server is shutting down");
  // Load balancers learn by asking: until they have, what they send is still answered.
  if (!device_lost) std::this_thread::sleep_for(std::chrono::milliseconds(flags.drain_delay_ms));
  host.stop();
  notify_service_manager("STOPPING=1");
  server.stop();
  if (reloader.joinable()) reloader.join();
  if (load_error) fail_command(*load_error);
  if (device_lost) {
    write_log_line("beralih: " + state.reason() + "; exit status " +
                   std::to_string(kExitDeviceLost) + ", for a supervisor to start a new process\n");
    // Without destructors: giving a broken device its memory back may never end.
    std::_Exit(kExitDeviceLost);
  }
  host.current()->shutdown();
  write_log_line("stopped: everything accepted was answered\n");
}

/// The SHA-256 of a contract.json, made lower case.
CLI::Validator contract_hash() {
  return {[](std::string& text) {
            constexpr size_t kDigits = 64;
            const bool digits = std::all_of(text.begin(), text.end(),
                                            [](unsigned char c) { return std::isxdigit(c) != 0; });
            if (!digits || text.size() != kDigits) {
              return "wants the 64 hexadecimal digits of a contract's SHA-256, not \"" +
                     text.substr(0, 80) + "\"";
            }
            text = CLI::detail::to_lower(text);
            return std::string();
          },
          "HEX"};
}

CLI::Validator device_name() {
  return {[](std::string& text) {
            const auto device = parse_device(text);
            return device ? std::string() : device.error().message;
          },
          "DEVICE"};
}

/// A list of origins as a repeatable flag, and as a comma-separated variable.
void add_origins(CLI::App& command, const std::string& flag, std::vector<std::string>& origins,
                 const std::string& variable, const std::string& description) {
  const CLI::Validator origin(
      [](std::string& text) {
        auto parsed = parse_origin(CLI::detail::trim(text));
        if (!parsed) return parsed.error().message;
        text = *std::move(parsed);
        return std::string();
      },
      "ORIGIN");
  command.add_option(flag, origins, description)
      ->envname(variable)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->transform(origin);
}

void add_seconds(CLI::App& command, const std::string& flag, std::chrono::seconds& value,
                 const std::string& variable, const std::string& description) {
  command
      .add_option_function<int>(
          flag, [&value](int seconds) { value = std::chrono::seconds(seconds); }, description)
      ->envname(variable)
      ->type_name("SECONDS")
      ->default_str(std::to_string(value.count()))
      ->check(CLI::Range(1, 86400));
}

/// Settles what depends on the device; returns whether it is the CPU.
bool resolve_device(ServeFlags& flags) {
  const auto device = parse_device(flags.engine.device);
  // What "auto" finds is known once the engine is loaded: it is not asked for before.
  bool on_cpu = device && device->kind == DeviceKind::kCpu;
  if (device && device->kind == DeviceKind::kAuto) {
    const auto module = load_engine_module();
    on_cpu = !module || (*module)->cards() == 0;
  }
  if (flags.max_batch == 0) flags.max_batch = on_cpu ? 1 : kCudaBatch;
  flags.engine.max_batch = flags.max_batch;
  flags.engine.deterministic = flags.classifier.deterministic;
  return on_cpu;
}

}  // namespace

void add_serve_command(CLI::App& app) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* command = app.add_subcommand("serve", "serve a bundle over HTTP");
  command->add_option("--bundle", flags->bundle, "directory of the bundle")
      ->envname("BERALIH_BUNDLE")
      ->capture_default_str();
  add_loading_flags(*command, flags->classifier.open);
  command
      ->add_option("--expect-contract", flags->expected_contract,
                   "SHA-256 that contract.json must have; any other bundle is refused")
      ->envname("BERALIH_EXPECT_CONTRACT")
      ->transform(contract_hash());
  command->add_option("--host", flags->http.host, "address to listen on")
      ->envname("BERALIH_HOST")
      ->capture_default_str();
  command->add_option("--port", flags->http.port, "port to listen on; 0 takes a free one")
      ->envname("BERALIH_PORT")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--threads", flags->engine.threads, "threads of the network; 0: one per core")
      ->envname("BERALIH_THREADS")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command
      ->add_option("--max-queue", flags->classifier.queue_capacity,
                   "requests that may wait for the network; more get 429")
      ->envname("BERALIH_MAX_QUEUE")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command
      ->add_option(
          "--max-batch", flags->max_batch,
          "most requests that the network answers together (default: 1 on the CPU, 64 on a "
          "card)")
      ->envname("BERALIH_MAX_BATCH")
      ->check(CLI::Range(1, 1024));
  command
      ->add_option("--batch-delay", flags->batch_delay_us,
                   "microseconds that a request waits for others to fill its batch")
      ->envname("BERALIH_BATCH_DELAY")
      ->check(CLI::Range(0, 10'000'000))
      ->capture_default_str();
  command
      ->add_option(
          "--deadline-ms", flags->deadline_ms,
          "milliseconds after which nobody waits for an answer; what cannot be met is "
          "refused at once with 429; the header X-Request-Deadline-Ms sets its own; 0: none")
      ->envname("BERALIH_DEADLINE_MS")
      ->check(CLI::Range(0, 86'400'000))
      ->capture_default_str();
  command
      ->add_option(
          "--device", flags->engine.device,
          "where the network runs: cpu, cuda, cuda:N (card N), or auto: a card where there "
          "is one and this build can use it")
      ->envname("BERALIH_DEVICE")
      ->check(device_name())
      ->capture_default_str();
  command
      ->add_option("--cpu-engine", flags->cpu_engine,
                   "mapped: the weights are shared with their file; packed: they are copied in the "
                   "processor's own order, and the quickest form that reproduces the golden cases "
                   "is used")
      ->envname("BERALIH_CPU_ENGINE")
      ->check(CLI::IsMember({"mapped", "packed"}))
      ->capture_default_str();
  command
      ->add_option("--dtype", flags->engine.dtype,
                   "what the packed engine or a card computes in; auto: bf16, on a processor only "
                   "where it has it and it is quicker; fp16: cards only")
      ->envname("BERALIH_DTYPE")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "fp16"}))
      ->capture_default_str();
  command
      ->add_flag("--deterministic", flags->classifier.deterministic,
                 "every batch has the shape of --max-batch: a prediction does not depend on who "
                 "else was in its batch")
      ->envname("BERALIH_DETERMINISTIC");
  command
      ->add_option("--preprocess-threads", flags->classifier.preprocess_threads,
                   "threads that decode and resize images; 0: one per core")
      ->envname("BERALIH_PREPROCESS_THREADS")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command
      ->add_option("--canary-interval", flags->canary_s,
                   "seconds between golden cases that go through the running service; one that "
                   "fails turns ready off; 0: none")
      ->envname("BERALIH_CANARY_INTERVAL")
      ->check(CLI::Range(0.0, 86'400.0))
      ->capture_default_str();
  command
      ->add_option("--max-body-bytes", flags->http.max_body_bytes,
                   "largest request body; more gets 413")
      ->envname("BERALIH_MAX_BODY_BYTES")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->capture_default_str();
  command
      ->add_option("--drain-delay-ms", flags->drain_delay_ms,
                   "milliseconds after SIGTERM in which everything is still answered while "
                   "/v2/health/ready says no: longer than a load balancer's check interval")
      ->envname("BERALIH_DRAIN_DELAY_MS")
      ->check(CLI::Range(0, 600'000))
      ->capture_default_str();
  command
      ->add_option("--max-connections", flags->http.max_connections,
                   "connections that may be open; more get 503")
      ->envname("BERALIH_MAX_CONNECTIONS")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  add_seconds(*command, "--request-timeout", flags->http.request_timeout, "BERALIH_REQUEST_TIMEOUT",
              "a request must arrive whole within; otherwise 408");
  add_seconds(*command, "--idle-timeout", flags->http.idle_timeout, "BERALIH_IDLE_TIMEOUT",
              "a connection may wait for its next request");
  add_seconds(*command, "--drain-timeout", flags->http.drain_timeout, "BERALIH_DRAIN_TIMEOUT",
              "on SIGTERM, accepted requests are answered within");
  command
      ->add_option("--max-pixels", flags->classifier.max_pixels,
                   "most pixels of an image; more gets 413")
      ->envname("BERALIH_MAX_PIXELS")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->capture_default_str();
  command
      ->add_option("--web", flags->web_directory,
                   "directory to serve at / instead of the built-in page")
      ->envname("BERALIH_WEB")
      ->check(CLI::ExistingDirectory);
  add_origins(*command, "--allow-origin", flags->http.origins.callers, "BERALIH_ALLOW_ORIGIN",
              "origin whose pages may call the API (CORS); repeatable");
  add_origins(*command, "--allow-server", flags->http.origins.servers, "BERALIH_ALLOW_SERVER",
              "other server that the page may call; repeatable");
  add_origins(*command, "--allow-embed", flags->http.origins.frames, "BERALIH_ALLOW_EMBED",
              "origin whose pages may show the page in a frame; repeatable");
  const std::map<std::string, LogFormat> formats{
      {"text", LogFormat::kText     },
      {"json", LogFormat::kJsonLines}
  };
  command
      ->add_option("--log-format", flags->http.log_format,
                   "lines per request on stderr: text (default) or json")
      ->envname("BERALIH_LOG_FORMAT")
      ->transform(CLI::CheckedTransformer(formats, CLI::ignore_case).description("text|json"))
      ->type_name("FORMAT");
  command->add_flag("--quiet", flags->quiet, "no line per request")->envname("BERALIH_QUIET");
  command->callback([flags] {
    flags->http.log_requests = !flags->quiet;
    flags->engine.packed = flags->cpu_engine == "packed";
    const bool on_cpu = resolve_device(*flags);
    if (on_cpu && flags->engine.dtype == "bf16" && !flags->engine.packed) {
      throw CLI::ValidationError(
          "--dtype", "bf16 needs --cpu-engine=packed: mapped weights are used as they are stored");
    }
    serve(*flags);
  });
}

}  // namespace beralih
