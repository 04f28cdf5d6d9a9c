#include "cli/serve_flags.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <map>
#include <vector>

#include "cli/loading_flags.h"
#include "engine/device_choice.h"
#include "engine/null_engine.h"
#include "http/origin.h"
#include "telemetry/access_log.h"

namespace beralih {
namespace {

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
  // CLI11 2.4 shows the validator the whole list of a variable, and its parts after that.
  const CLI::Validator origin(
      [](std::string& text) {
        std::string read;
        for (std::string part : CLI::detail::split(text, ',')) {
          auto parsed = parse_origin(CLI::detail::trim(part));
          if (!parsed) return parsed.error().message;
          read += (read.empty() ? "" : ",") + *std::move(parsed);
        }
        text = std::move(read);
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

}  // namespace

bool settle_device(ServeFlags& flags) {
  constexpr size_t kCardBatch = 64;
  if (flags.engine.device == "auto") {
    // Loading the engine to ask it takes a quarter of a second: only where the answer may be yes.
    const bool cards = BERALIH_CUDA && load_engine_module() && (*load_engine_module())->cards() > 0;
    flags.engine.device = cards ? "cuda" : "cpu";
  }
  const bool on_cpu = flags.engine.device == "cpu" || flags.engine_name == kNullDevice;
  if (flags.max_batch == 0) flags.max_batch = on_cpu ? 1 : kCardBatch;
  flags.engine.max_batch = flags.max_batch;
  flags.engine.deterministic = flags.classifier.deterministic;
  return on_cpu;
}

void settle_limits(ServeFlags& flags, bool on_cpu) {
  constexpr size_t kBufferedBytes = size_t{1} << 30;
  constexpr size_t kCpuQueue = 32;
  constexpr size_t kLeastThreads = 64;
  constexpr size_t kMostThreads = 4096;     // what service managers let a process have
  constexpr size_t kThreadsForOthers = 16;  // health, metrics, the page, what is refused at once
  HttpOptions& http = flags.http;
  http.max_buffered_bytes = flags.max_buffered_bytes != 0
                                ? flags.max_buffered_bytes
                                : std::max(kBufferedBytes, http.max_body_bytes);
  if (http.max_buffered_bytes < http.max_body_bytes) {
    throw CLI::ValidationError("--max-buffered-bytes",
                               std::to_string(http.max_buffered_bytes) +
                                   " bytes for all unfinished request bodies do not hold a single "
                                   "one of --max-body-bytes (" +
                                   std::to_string(http.max_body_bytes) + ")");
  }
  // While one full batch runs the next ones gather: a queue that holds less leaves a card idle.
  if (flags.max_queue == 0) flags.max_queue = on_cpu ? kCpuQueue : 2 * flags.max_batch;
  flags.classifier.queue_capacity = flags.max_queue;
  // A prediction holds its thread while it waits and while it runs. A card has two batches under
  // way (InferenceEngine::depth()).
  const size_t running = (on_cpu ? 1 : 2) * flags.max_batch;
  http.connection_threads =
      flags.connection_threads != 0
          ? flags.connection_threads
          : std::clamp(flags.max_queue + running + kThreadsForOthers, kLeastThreads, kMostThreads);
}

void add_serve_flags(CLI::App& command, ServeFlags& flags) {
  flags.engine.device = "auto";
  command.add_option("--bundle", flags.bundle, "directory of the bundle")
      ->envname("BERALIH_BUNDLE")
      ->capture_default_str();
  add_loading_flags(command, flags.classifier.open);
  add_lab_flags(command, flags.lab);
  command
      .add_option("--expect-contract", flags.expected_contract,
                  "SHA-256 that contract.json must have; any other bundle is refused")
      ->envname("BERALIH_EXPECT_CONTRACT")
      ->transform(contract_hash());
  command.add_option("--host", flags.http.host, "address to listen on")
      ->envname("BERALIH_HOST")
      ->capture_default_str();
  command.add_option("--port", flags.http.port, "port to listen on; 0 takes a free one")
      ->envname("BERALIH_PORT")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command.add_option("--threads", flags.engine.threads, "threads of the network; 0: one per core")
      ->envname("BERALIH_THREADS")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command
      .add_option("--max-queue", flags.max_queue,
                  "requests that may wait for the network; more get 429 (default: 32 on the CPU, "
                  "twice --max-batch on a card)")
      ->envname("BERALIH_MAX_QUEUE")
      ->check(CLI::Range(1, 1'000'000));
  command
      .add_option("--max-batch", flags.max_batch,
                  "most requests that the network answers together (default: 1 on the CPU, 64 on a "
                  "card)")
      ->envname("BERALIH_MAX_BATCH")
      ->check(CLI::Range(1, 1024));
  command
      .add_option("--batch-delay", flags.batch_delay_us,
                  "microseconds that a request waits for others to fill its batch")
      ->envname("BERALIH_BATCH_DELAY")
      ->check(CLI::Range(0, 10'000'000))
      ->capture_default_str();
  command
      .add_option(
          "--deadline-ms", flags.deadline_ms,
          "milliseconds after which nobody waits for an answer; what cannot be met is "
          "refused at once with 429; the header X-Request-Deadline-Ms sets its own; 0: none")
      ->envname("BERALIH_DEADLINE_MS")
      ->check(CLI::Range(0, 86'400'000))
      ->capture_default_str();
  command
      .add_option("--engine", flags.engine_name,
                  "torch: the bundle's network; null: none, every answer is zeros, for measuring "
                  "the server around it")
      ->envname("BERALIH_ENGINE")
      ->check(CLI::IsMember({"torch", kNullDevice}))
      ->capture_default_str();
  command
      .add_option("--device", flags.engine.device,
                  "where the network runs: cpu, cuda, cuda:N (card N), or auto: a card where there "
                  "is one and this build can use it")
      ->envname("BERALIH_DEVICE")
      ->check(device_name())
      ->default_str("auto");
  command
      .add_option("--cpu-engine", flags.cpu_engine,
                  "mapped: the weights are shared with their file; packed: they are copied in the "
                  "processor's own order, and the quickest form that reproduces the golden cases "
                  "is used; winograd: they are copied and transformed for quicker convolutions in "
                  "fp32 (AVX-512); auto: winograd, or else packed in fp32, up to 256 MiB of "
                  "weights, mapped above")
      ->envname("BERALIH_CPU_ENGINE")
      ->check(CLI::IsMember({"auto", "mapped", "packed", "winograd"}))
      ->capture_default_str();
  command
      .add_option("--dtype", flags.engine.dtype,
                  "what packed weights or a card compute in; auto: on a card bf16, on a processor "
                  "fp32, with --cpu-engine=packed bf16 where that is quicker; fp16: cards only")
      ->envname("BERALIH_DTYPE")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "fp16"}))
      ->capture_default_str();
  command
      .add_flag("--deterministic", flags.classifier.deterministic,
                "every batch has the shape of --max-batch: a prediction does not depend on who "
                "else was in its batch")
      ->envname("BERALIH_DETERMINISTIC");
  command
      .add_option("--preprocess-threads", flags.classifier.preprocess_threads,
                  "threads that decode and resize images; 0: one per core")
      ->envname("BERALIH_PREPROCESS_THREADS")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command
      .add_option("--canary-interval", flags.canary_s,
                  "seconds between golden cases that go through the running service; one that "
                  "fails turns ready off; 0: none")
      ->envname("BERALIH_CANARY_INTERVAL")
      ->check(CLI::Range(0.0, 86'400.0))
      ->capture_default_str();
  command
      .add_option("--max-body-bytes", flags.http.max_body_bytes,
                  "largest request body; more gets 413")
      ->envname("BERALIH_MAX_BODY_BYTES")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->capture_default_str();
  command
      .add_option(
          "--max-buffered-bytes", flags.max_buffered_bytes,
          "memory for all request bodies together that have not arrived whole; who sends more "
          "gets 503; at least --max-body-bytes (default: 1 GiB)")
      ->envname("BERALIH_MAX_BUFFERED_BYTES")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  command
      .add_option("--connection-threads", flags.connection_threads,
                  "requests that may be answered at once; 0: --max-queue + --max-batch (on a card "
                  "twice) + 16, at least 64 and at most 4096, so that predictions that wait leave "
                  "some for health")
      ->envname("BERALIH_CONNECTION_THREADS")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  command
      .add_option("--drain-delay-ms", flags.drain_delay_ms,
                  "milliseconds after SIGTERM in which everything is still answered while "
                  "/v2/health/ready says no: longer than a load balancer's check interval")
      ->envname("BERALIH_DRAIN_DELAY_MS")
      ->check(CLI::Range(0, 600'000))
      ->capture_default_str();
  command
      .add_option("--max-connections", flags.http.max_connections,
                  "connections that may be open; more get 503")
      ->envname("BERALIH_MAX_CONNECTIONS")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command
      .add_option("--max-subscribers", flags.http.max_subscribers,
                  "event streams (/api/events) that may be open; more get 503")
      ->envname("BERALIH_MAX_SUBSCRIBERS")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  add_seconds(command, "--request-timeout", flags.http.request_timeout, "BERALIH_REQUEST_TIMEOUT",
              "a request must arrive whole within; otherwise 408");
  add_seconds(command, "--idle-timeout", flags.http.idle_timeout, "BERALIH_IDLE_TIMEOUT",
              "a connection may wait for its next request");
  add_seconds(command, "--drain-timeout", flags.http.drain_timeout, "BERALIH_DRAIN_TIMEOUT",
              "on SIGTERM, accepted requests are answered within");
  command
      .add_option("--max-pixels", flags.classifier.max_pixels,
                  "most pixels of an image; more gets 413")
      ->envname("BERALIH_MAX_PIXELS")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->capture_default_str();
  command
      .add_option("--web", flags.web_directory,
                  "directory to serve at / instead of the built-in page")
      ->envname("BERALIH_WEB")
      ->check(CLI::ExistingDirectory);
  add_origins(command, "--allow-origin", flags.http.origins.callers, "BERALIH_ALLOW_ORIGIN",
              "origin whose pages may call the API (CORS); repeatable");
  add_origins(command, "--allow-server", flags.http.origins.servers, "BERALIH_ALLOW_SERVER",
              "other server that the page may call; repeatable");
  add_origins(command, "--allow-embed", flags.http.origins.frames, "BERALIH_ALLOW_EMBED",
              "origin whose pages may show the page in a frame; repeatable");
  CLI::Option* certificate =
      command
          .add_option("--tls-cert", flags.tls_certificate,
                      "PEM file of the certificate with its chain: serve HTTPS alone; read anew on "
                      "SIGHUP and POST /api/admin/reload")
          ->envname("BERALIH_TLS_CERT")
          ->option_text("FILE");
  CLI::Option* key =
      command.add_option("--tls-key", flags.tls_key, "PEM file of its key, without passphrase")
          ->envname("BERALIH_TLS_KEY")
          ->option_text("FILE");
  certificate->needs(key);
  key->needs(certificate);
  command
      .add_option(
          "--api-keys", flags.api_keys,
          "file of NAME:ROLE:SHA256 lines, which `beralih key new` prints: only who sends one "
          "of these keys is answered; read anew on SIGHUP and POST /api/admin/reload")
      ->envname("BERALIH_API_KEYS")
      ->option_text("FILE");
  command
      .add_option(
          "--public", flags.open_to_all,
          "what needs no key where there are any: health, page (with the bundle's files that "
          "it loads), metrics, or none; default health,page")
      ->envname("BERALIH_PUBLIC")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"health", "page", "metrics", "none"}))
      ->option_text("LIST");
  const std::map<std::string, LogFormat> formats{
      {"text", LogFormat::kText     },
      {"json", LogFormat::kJsonLines}
  };
  command
      .add_option("--log-format", flags.http.log_format,
                  "lines per request on stderr: text (default) or json")
      ->envname("BERALIH_LOG_FORMAT")
      ->transform(CLI::CheckedTransformer(formats, CLI::ignore_case).description("text|json"))
      ->type_name("FORMAT");
  command.add_flag("--quiet", flags.quiet, "no line per request")->envname("BERALIH_QUIET");
  command
      .add_flag("--log-health", flags.http.log_health,
                "a line also for each GET of /v2/health/live, /v2/health/ready and /metrics that "
                "was answered with 200")
      ->envname("BERALIH_LOG_HEALTH");
}

}  // namespace beralih
