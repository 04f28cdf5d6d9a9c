#include "lab/lab_server.h"

#include <cstdlib>
#include <utility>

#include "lab/lab_load.h"

namespace beralih {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kStart{60};

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace

Result<std::unique_ptr<LabServer>> LabServer::start(const LabContext& context,
                                                    const LabServerOptions& options) {
  std::vector<std::string> arguments = context.options.child_arguments;
  for (const std::string& word :
       {std::string("--port"), std::to_string(options.port), std::string("--threads"),
        std::to_string(options.threads), std::string("--max-batch"), std::to_string(options.batch),
        std::string("--load"), std::string(policy_name(options.policy))})
    arguments.push_back(word);
  const auto begun = Clock::now();
  auto process = ChildProcess::start(arguments, context.options.most_child_bytes);
  if (!process) return process.error();
  auto server = std::make_unique<LabServer>();
  server->process_ = *std::move(process);
  const auto wait = [&](const char* words) {
    return server->process_->wait_for_line(words, kStart, context.stop);
  };
  const auto address = wait("listening on http://127.0.0.1:");
  server->listening_ms_ = ms_since(begun);
  const auto ready = address ? wait("ready in ") : std::nullopt;
  server->ready_ms_ = ms_since(begun);
  const bool at_start = options.policy == LoadPolicy::kAtStart;
  const bool warm = ready && (options.batch == 1 || !at_start || wait("batches warm"));
  if (context.stop.stop_requested()) return stopped();
  if (!warm) {
    return Error{ErrorCode::kIo, "A child server did not become ready; its last words: " +
                                     server->process_->last_line()};
  }
  server->target_.server.host = "127.0.0.1";
  server->target_.server.port = std::atoi(address->c_str());
  server->target_.path = "/api/classify";
  server->ready_line_ = "ready in " + *ready;
  return server;
}

}  // namespace beralih
