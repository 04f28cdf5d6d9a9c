// beralih serve: listen, load, be ready, drain.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "cli/commands.h"
#include "cli/report.h"
#include "cli/serve_flags.h"
#include "cli/serve_lab.h"
#include "cli/stop_events.h"
#include "cli/usage.h"
#include "engine/classifier.h"
#include "engine/engine_module.h"
#include "engine/model_host.h"
#include "engine/null_engine.h"
#include "http/access_control.h"
#include "http/server.h"
#include "http/static_site.h"
#include "http/tls.h"
#include "telemetry/access_log.h"
#include "telemetry/process.h"
#include "telemetry/service_manager.h"

namespace beralih {
namespace {

/// Milliseconds of this program's life: when it began to serve, and how long linking libtorch took
/// from then on, beside everything else.
struct StartTimes {
  double began_ms = 0;
  double linked_ms = 0;
};

std::string ready_line(const Classifier& classifier, const StartTimes& times_before,
                       double total_ms) {
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
  char times[320];
  std::snprintf(times, sizeof times,
                "ready in %.2f s (begun after %.0f ms; libtorch linked in %.0f ms, and beside it "
                "bundle checked %.1f ms, %zu of %zu files hashed; engine %.0f ms: program read "
                "%.1f, weights attached %.1f, warm-up %.0f; golden case %.0f ms)",
                total_ms / 1000, times_before.began_ms, times_before.linked_ms, start.bundle_ms,
                classifier.bundle().hashed_files, classifier.bundle().files.size(), start.engine_ms,
                engine.load.architecture_ms, engine.load.attach_ms, engine.load.warm_up_ms,
                start.golden_ms);
  std::string card;
  if (engine.device_facts) {
    char loading[160];
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

Result<ReloadReport> reload(ModelHost& host) {
  auto report = host.reload();
  if (!report) {
    write_log_line("not reloaded, nothing has changed: " + report.error().message + "\n");
    return report;
  }
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.2f", report->total_ms / 1000);
  write_log_line("reloaded in " + std::string(seconds) + " s; contract " + report->contract_after +
                 (report->contract_after == report->contract_before
                      ? ", as before"
                      : ", before it " + report->contract_before) +
                 "\n");
  return report;
}

/// nullptr: without keys.
std::shared_ptr<AccessControl> open_access(const ServeFlags& flags) {
  if (flags.api_keys.empty()) return nullptr;
  std::set<Access> open_to_all;
  for (const std::string& name : flags.open_to_all) {
    if (name == "health") open_to_all.insert(Access::kHealth);
    if (name == "page") open_to_all.insert(Access::kPage);
    if (name == "metrics") open_to_all.insert(Access::kMetrics);
  }
  auto access = AccessControl::with_keys(flags.api_keys, std::move(open_to_all));
  if (!access) fail_command(access.error());
  return *std::move(access);
}

/// nullptr: plain HTTP.
std::shared_ptr<TlsIdentity> open_tls(const ServeFlags& flags) {
  if (flags.tls_certificate.empty()) return nullptr;
  auto tls = TlsIdentity::open(flags.tls_certificate, flags.tls_key);
  if (!tls) fail_command(tls.error());
  write_log_line("TLS certificate: " + (*tls)->description() + "\n");
  return *std::move(tls);
}

void log_reread(const std::string& what, const Status& read, const std::string& now) {
  write_log_line(
      what + (read ? " read anew" + now : " not read anew, as before: " + read.error().message) +
      "\n");
}

/// API keys and certificate, either of which may be nullptr: there is none.
struct Credentials {
  std::shared_ptr<AccessControl> access;
  std::shared_ptr<TlsIdentity> tls;
  std::mutex rereading = {};  ///< who read a file earlier must not have the last word
};

/// Both, whether or not the other succeeds. Errors: those of both, in one message.
Status reread(Credentials& credentials) {
  const std::lock_guard lock(credentials.rereading);
  Status all = Ok{};
  const auto add = [&all](const Status& read) {
    if (read) return;
    all = all ? read.error()
              : Error{read.error().code, all.error().message + "; " + read.error().message};
  };
  if (credentials.access != nullptr) {
    const Status read = credentials.access->reread();
    log_reread("API keys", read, "");
    add(read);
  }
  if (credentials.tls != nullptr) {
    const Status read = credentials.tls->reread();
    log_reread("TLS certificate", read, ": " + credentials.tls->description());
    add(read);
  }
  return all;
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
    if (flags.engine_name == kNullDevice) return make_null_engine(bundle);
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

/// What systemd's watchdog hears; empty where it does not watch.
std::function<void()> watchdog_notifier() {
  const auto interval = watchdog_interval();
  if (interval.count() == 0) return {};
  return [interval, told = std::chrono::steady_clock::time_point{}]() mutable {
    const auto now = std::chrono::steady_clock::now();
    if (now - told < interval) return;
    told = now;
    notify_service_manager("WATCHDOG=1");
  };
}

void serve(const ServeFlags& flags) {
  share_memory_pools();
  StopEvents stop_events;
  // Linking libtorch takes longer than anything else of a start whose hashes are known: beside all
  // of it. An error shows up in make_engine.
  StartTimes start_times{program_age_ms(), 0};
  const bool wanted = flags.lab.policy == LoadPolicy::kAtStart && flags.engine_name != kNullDevice;
  std::jthread linking([&start_times, wanted] {
    if (wanted) (void)load_engine_module();
    start_times.linked_ms = program_age_ms() - start_times.began_ms;
  });
  ServingState state;
  std::optional<Error> load_error;
  std::atomic<bool> device_lost{false};
  double ready_after_ms = 0;  // of the first classifier; a reload does not change it
  ModelHost host(host_options(flags),
                 {
                     .publish =
                         [&](const std::shared_ptr<Classifier>& classifier) {
                           const bool first = ready_after_ms == 0;
                           if (first) ready_after_ms = program_age_ms();
                           if (first) linking.join();  // it has ended: there is an engine
                           state.publish(classifier, ready_after_ms);
                           if (!first) return;
                           write_log_line(ready_line(*classifier, start_times, ready_after_ms));
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
                     .alive = watchdog_notifier(),
                 });
  const auto lab = make_lab(flags);
  if (!lab) fail_command(lab.error());
  Credentials credentials{open_access(flags), open_tls(flags)};
  HttpOptions http = flags.http;
  http.tls = credentials.tls;
  http.site = index_page(flags.web_directory);
  http.lab = *lab;
  http.access = credentials.access;
  http.reload = [&host] { return reload(host); };
  http.reread = [&credentials] { return reread(credentials); };
  HttpServer server(std::move(http), state);
  if (auto started = server.start(); !started) fail_command(started.error());
  write_log_line("listening on " + server.url() +
                 (server.inherited() ? ", a socket that was handed over\n" : "\n"));

  std::jthread loader([&] {
    if (flags.lab.policy != LoadPolicy::kAtStart) {
      load_on_demand(state, host_options(flags), flags);
      return server.begin_accepting();
    }
    if (auto started = host.start(); !started) {
      load_error = started.error();
      stop_events.raise();
    } else {
      server.begin_accepting();
    }
  });

  // Reloading takes a while, during which the other signals must be seen.
  std::jthread reloader;
  while (stop_events.wait_for_reload()) {
    reloader = std::jthread([&] {
      (void)reread(credentials);  // the log says what became of it
      (void)reload(host);
    });
  }
  loader.join();
  const auto drain_start = std::chrono::steady_clock::now();
  if (!device_lost) state.begin_drain("the server is shutting down");
  if (*lab) (*lab)->shutdown();
  server.begin_drain();
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
  if (host.current() != nullptr) host.current()->shutdown();
  char seconds[32];
  std::snprintf(
      seconds, sizeof seconds, "%.2f",
      std::chrono::duration<double>(std::chrono::steady_clock::now() - drain_start).count());
  write_log_line("stopped after " + std::string(seconds) +
                 " s: everything accepted was answered\n");
}

}  // namespace

void add_serve_command(CLI::App& app) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* command = app.add_subcommand("serve", "serve a bundle over HTTP");
  add_serve_flags(*command, *flags);
  command->callback([flags, command] {
    refuse_passed_over_variables(*command);
    flags->http.log_requests = !flags->quiet;
    flags->engine.cpu_engine = flags->cpu_engine == "mapped"     ? CpuEngine::kMapped
                               : flags->cpu_engine == "packed"   ? CpuEngine::kPacked
                               : flags->cpu_engine == "winograd" ? CpuEngine::kWinograd
                                                                 : CpuEngine::kAuto;
    const bool on_cpu = settle_device(*flags);
    settle_limits(*flags, on_cpu);
    const bool in_fp32_alone = flags->engine.cpu_engine == CpuEngine::kMapped ||
                               flags->engine.cpu_engine == CpuEngine::kWinograd;
    if (on_cpu && flags->engine.dtype == "bf16" && in_fp32_alone) {
      throw CLI::ValidationError("--dtype", "bf16 needs --cpu-engine=packed: " + flags->cpu_engine +
                                                " weights are used in fp32");
    }
    serve(*flags);
  });
}

}  // namespace beralih
