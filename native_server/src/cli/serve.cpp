// beralih serve: listen, load, be ready, drain.
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

#include "cli/commands.h"
#include "cli/report.h"
#include "engine/classifier.h"
#include "engine/engine_module.h"
#include "http/server.h"
#include "telemetry/access_log.h"

namespace beralih {
namespace {

struct ServeFlags {
  std::string bundle = kDefaultBundle;
  HttpOptions http;
  ClassifierOptions classifier;
  EngineOptions engine;
  bool quiet = false;
};

/// Milliseconds since the kernel started this process: dynamic linking is part of a start.
double process_age_ms() {
  std::ifstream file("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  constexpr int kFieldsBeforeStart = 19;  // proc(5): starttime is field 22, the name is field 2
  for (int i = 0; i < kFieldsBeforeStart; ++i) fields >> skipped;
  double ticks = 0;
  timespec now{};
  if (!(fields >> ticks) || ::clock_gettime(CLOCK_BOOTTIME, &now) != 0) return 0;
  const double started = ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return std::max(
      0.0,
      (static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9 - started) * 1000);
}

/// SIGTERM and SIGINT as something to wait for, beside the loader's "I failed".
class StopEvents {
 public:
  /// Blocks both signals in this thread and every thread that it starts later.
  StopEvents() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    signal_fd_ = ::signalfd(-1, &signals_, SFD_CLOEXEC);
    event_fd_ = ::eventfd(0, EFD_CLOEXEC);
  }
  ~StopEvents() {
    ::close(signal_fd_);
    ::close(event_fd_);
  }
  StopEvents(const StopEvents&) = delete;
  StopEvents& operator=(const StopEvents&) = delete;

  void raise() { ::eventfd_write(event_fd_, 1); }

  /// Returns on a signal or on raise(). A second signal afterwards ends the process at once.
  void wait() {
    pollfd fds[] = {
        {signal_fd_, POLLIN, 0},
        {event_fd_,  POLLIN, 0}
    };
    while (::poll(fds, std::size(fds), -1) < 0 && errno == EINTR) {
    }
    signalfd_siginfo info{};
    if ((fds[0].revents & POLLIN) != 0 && ::read(signal_fd_, &info, sizeof info) < 0) return;
    std::signal(SIGTERM, SIG_DFL);
    std::signal(SIGINT, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
  }

 private:
  sigset_t signals_{};
  int signal_fd_ = -1;
  int event_fd_ = -1;
};

std::string ready_line(const Classifier& classifier, double linked_ms, double total_ms) {
  const StartRecord& start = classifier.start_record();
  const EngineMetadata& engine = classifier.engine();
  char text[512];
  std::snprintf(
      text, sizeof text,
      "ready in %.2f s (process start %.0f ms, bundle checked %.0f ms, engine %.0f ms: library and "
      "program %.0f, "
      "weights attached %.1f, warm-up %.0f; golden case %.0f ms); %s %s, %d threads, %s\n",
      total_ms / 1000, linked_ms, start.bundle_ms, start.engine_ms, engine.load.architecture_ms,
      engine.load.attach_ms, engine.load.warm_up_ms, start.golden_ms, engine.device.c_str(),
      engine.dtype.c_str(), engine.threads, engine.library.c_str());
  return text;
}

void serve(const ServeFlags& flags) {
  const double linked_ms = process_age_ms();
  StopEvents stop_events;
  ServingState state;
  HttpServer server(flags.http, state);
  if (auto started = server.start(); !started) fail_command(started.error());
  write_log_line("listening on " + server.url() + "\n");

  std::optional<Error> load_error;
  std::shared_ptr<Classifier> classifier;
  std::thread loader([&] {
    // Linking libtorch takes as long as hashing the bundle: both at once. An error shows up in
    // make_engine.
    const std::jthread linking([] { (void)load_engine_module(); });
    auto loaded = Classifier::load(
        flags.bundle, [&](const Bundle& bundle) { return make_engine(bundle, flags.engine); },
        flags.classifier);
    if (!loaded) {
      load_error = loaded.error();
      stop_events.raise();
      return;
    }
    classifier = *std::move(loaded);
    state.publish(classifier);
    write_log_line(ready_line(*classifier, linked_ms, process_age_ms()));
  });

  stop_events.wait();
  loader.join();
  state.withdraw("the server is shutting down");
  server.stop();
  if (load_error) fail_command(*load_error);
  classifier->shutdown();
  write_log_line("stopped: everything accepted was answered\n");
}

}  // namespace

void add_serve_command(CLI::App& app) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* command = app.add_subcommand("serve", "serve a bundle over HTTP");
  command->add_option("--bundle", flags->bundle, "directory of the bundle")
      ->envname("BERALIH_BUNDLE")
      ->capture_default_str();
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
      ->add_option("--max-body-bytes", flags->http.max_body_bytes,
                   "largest request body; more gets 413")
      ->envname("BERALIH_MAX_BODY_BYTES")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->capture_default_str();
  command
      ->add_option("--max-pixels", flags->classifier.max_pixels,
                   "most pixels of an image; more gets 413")
      ->envname("BERALIH_MAX_PIXELS")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->capture_default_str();
  command
      ->add_option("--web", flags->http.web_directory,
                   "directory to serve at / instead of the built-in page")
      ->envname("BERALIH_WEB")
      ->check(CLI::ExistingDirectory);
  command->add_flag("--quiet", flags->quiet, "no line per request")->envname("BERALIH_QUIET");
  command->callback([flags] {
    flags->http.log_requests = !flags->quiet;
    serve(*flags);
  });
}

}  // namespace beralih
