#include "http/load_client.h"

#include <atomic>
#include <charconv>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "http/client.h"

namespace beralih {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kAnswerTimeout{30};
constexpr std::chrono::seconds kConnectTimeout{5};
constexpr std::chrono::milliseconds kProgressStep{200};
constexpr std::chrono::milliseconds kStopCheck{50};
constexpr int kHighestPort = 65535;
constexpr int kOk = 200;
constexpr int kTooManyRequests = 429;
constexpr size_t kMostShown = 300;

void configure(httplib::ClientImpl& client, bool keep_alive,
               std::chrono::seconds answer_timeout = kAnswerTimeout) {
  client.set_tcp_nodelay(true);
  client.set_keep_alive(keep_alive);
  client.set_connection_timeout(kConnectTimeout);
  client.set_read_timeout(answer_timeout);
  client.set_write_timeout(answer_timeout);
}

httplib::Headers headers_of(const LoadBody& body, int64_t deadline_ms) {
  httplib::Headers headers(body.headers.begin(), body.headers.end());
  if (deadline_ms > 0) headers.emplace("X-Request-Deadline-Ms", std::to_string(deadline_ms));
  return headers;
}

struct Shared {
  const std::vector<LoadTarget>& targets;
  const std::vector<LoadBody>& bodies;
  const std::vector<Arrival>& arrivals;
  const LoadSettings& settings;
  const LoadHooks& hooks;
  Clock::time_point start;
  Clock::time_point give_up;
  std::atomic<size_t> next{0};
  std::atomic<uint64_t> done{0};
  std::atomic<uint64_t> failed{0};
  std::atomic<size_t> connections{0};
  std::mutex mutex;  // guards `total`, and the calls of on_answer
  LoadTestRecord total;
};

/// False: the load is to end first.
bool wait_until(Clock::time_point due, const std::stop_token& stop) {
  for (auto now = Clock::now(); now < due; now = Clock::now()) {
    if (stop.stop_requested()) return false;
    std::this_thread::sleep_until(std::min(due, now + kStopCheck));
  }
  return !stop.stop_requested();
}

// One connection: takes the next arrival, waits for its time, sends. An arrival that finds every
// connection in use is taken late, and its latency counts from when it was due all the same.
void send_arrivals(Shared& shared) {
  const LoadTarget& target = shared.targets[shared.connections++ % shared.targets.size()];
  const auto owned = make_client(target.server);
  httplib::ClientImpl& client = *owned;
  configure(client, shared.settings.keep_alive,
            std::chrono::seconds(static_cast<int64_t>(std::ceil(shared.settings.give_up_s))));
  LoadTestRecord record;
  for (;;) {
    const size_t index = shared.next.fetch_add(1);
    if (index >= shared.arrivals.size()) break;
    const Arrival& arrival = shared.arrivals[index];
    const Clock::time_point due = shared.start + arrival.at;
    const bool waited = Clock::now() > due;
    if (Clock::now() > shared.give_up) {
      ++record.scheduled;
      ++record.not_sent;
      shared.done.fetch_add(1);
      shared.failed.fetch_add(1);
      continue;
    }
    if (!wait_until(due, shared.hooks.stop)) break;
    ++record.scheduled;
    const Clock::time_point sent = Clock::now();
    if (waited) {
      ++record.waited_for_connection;
    } else {
      record.send_lag.record((sent - due).count());
    }
    const LoadBody& body = shared.bodies[arrival.image];
    const auto answer = client.Post(target.path, headers_of(body, shared.settings.deadline_ms),
                                    body.bytes, body.content_type);
    const Clock::time_point end = Clock::now();
    record.seconds = std::chrono::duration<double>(end - shared.start).count();
    if (answer && answer->status == kOk) {
      ++record.served;
      record.latency.record((end - due).count());
      record.service.record((end - sent).count());
      const double limit_ns = shared.settings.limit_ms * 1e6;
      if (static_cast<double>((end - due).count()) > limit_ns) ++record.served_late;
    } else {
      shared.failed.fetch_add(1);
      if (!answer) {
        ++record.transport_errors[httplib::to_string(answer.error())];
      } else if (answer->status == kTooManyRequests) {
        ++record.refused;
      } else {
        ++record.statuses[answer->status];
      }
    }
    shared.done.fetch_add(1);
    if (!shared.hooks.on_answer) continue;
    const bool connected = answer || answer.error() != httplib::Error::Connection;
    const std::lock_guard lock(shared.mutex);
    shared.hooks.on_answer({due, sent, end, answer ? answer->status : 0, connected});
  }
  const std::lock_guard lock(shared.mutex);
  shared.total.merge(record);
}

std::string where(const LoadTarget& target) {
  return (target.server.tls ? "https://" : "http://") + target.server.host + ":" +
         std::to_string(target.server.port) + target.path;
}

}  // namespace

Result<LoadTarget> parse_load_target(const std::string& url) {
  const Error wrong{ErrorCode::kInvalidArgument,
                    "\"" + url.substr(0, kMostShown) +
                        "\" is no address that this command can call: give one like "
                        "http://127.0.0.1:8080/api/classify"};
  LoadTarget target;
  target.server.tls = url.starts_with("https://");
  const std::string_view scheme = target.server.tls ? "https://" : "http://";
  if (!url.starts_with(scheme)) return wrong;
  constexpr int kHttpsPort = 443;
  if (target.server.tls) target.server.port = kHttpsPort;
  const size_t slash = url.find('/', scheme.size());
  std::string authority = url.substr(
      scheme.size(), slash == std::string::npos ? std::string::npos : slash - scheme.size());
  target.path = slash == std::string::npos ? "/api/classify" : url.substr(slash);
  if (target.path == "/") target.path = "/api/classify";
  const size_t bracket = authority.find(']');
  const size_t colon = authority.find(':', bracket == std::string::npos ? 0 : bracket);
  if (colon != std::string::npos) {
    const char* first = authority.data() + colon + 1;
    const char* last = authority.data() + authority.size();
    const auto parsed = std::from_chars(first, last, target.server.port);
    if (parsed.ec != std::errc() || parsed.ptr != last || target.server.port < 1 ||
        target.server.port > kHighestPort)
      return wrong;
    authority.resize(colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']'))
    authority = authority.substr(1, authority.size() - 2);
  if (authority.empty() || url.find_first_of(" \r\n\t") != std::string::npos) return wrong;
  target.server.host = authority;
  return target;
}

Result<std::pair<std::string, std::vector<int64_t>>> fetch_model_input(const LoadTarget& target) {
  constexpr std::string_view kInfer = "/infer";
  if (!target.path.ends_with(kInfer)) {
    return Error{
        ErrorCode::kInvalidArgument,
        "Tensors can only be sent to an address that ends in /infer, not to " + target.path};
  }
  const auto owned = make_client(target.server);
  httplib::ClientImpl& client = *owned;
  configure(client, false);
  const std::string path = target.path.substr(0, target.path.size() - kInfer.size());
  const auto answer = client.Get(path);
  if (!answer) {
    return Error{ErrorCode::kIo,
                 where(target) + " " + describe_failure(target.server, answer.error())};
  }
  const auto json = nlohmann::json::parse(answer->body, nullptr, false);
  try {
    const auto& input = json.at("inputs").at(0);
    auto shape = input.at("shape").get<std::vector<int64_t>>();
    constexpr int64_t kMostElements = int64_t{1} << 28;
    int64_t elements = 1;
    for (int64_t& size : shape) {
      if (size < 0) size = 1;
      if (size == 0 || size > kMostElements / elements) {
        return Error{ErrorCode::kInvalidArgument,
                     "The model behind " + path + " has an input of an unusable shape"};
      }
      elements *= size;
    }
    return std::pair{input.at("datatype").get<std::string>(), std::move(shape)};
  } catch (const nlohmann::json::exception&) {
    return Error{ErrorCode::kInvalidArgument,
                 "GET " + path + " answered " + std::to_string(answer->status) +
                     " without a model's metadata, so no tensor can be made for it"};
  }
}

Status probe_load(const LoadTarget& target, const std::vector<LoadBody>& bodies) {
  const auto owned = make_client(target.server);
  httplib::ClientImpl& client = *owned;
  configure(client, true);
  for (const LoadBody& body : bodies) {
    const auto answer =
        client.Post(target.path, headers_of(body, 0), body.bytes, body.content_type);
    if (!answer) {
      return Error{ErrorCode::kIo,
                   where(target) + " " + describe_failure(target.server, answer.error())};
    }
    if (answer->status != kOk && answer->status != kTooManyRequests) {
      return Error{ErrorCode::kInvalidArgument, where(target) + " answers the first request with " +
                                                    std::to_string(answer->status) + ": " +
                                                    answer->body.substr(0, kMostShown)};
    }
  }
  return Ok{};
}

LoadTestRecord run_load(const std::vector<LoadTarget>& targets, const std::vector<LoadBody>& bodies,
                        const std::vector<Arrival>& arrivals, const LoadSettings& settings,
                        const LoadHooks& hooks) {
  const Clock::time_point start = Clock::now() + kLoadStart;
  const Clock::time_point last = arrivals.empty() ? start : start + arrivals.back().at;
  // What is still unsent then counts as failed: an overloaded server must not make it endless.
  const auto give_up = last + std::chrono::duration_cast<Clock::duration>(
                                  std::chrono::duration<double>(settings.give_up_s));
  Shared shared{targets, bodies, arrivals, settings, hooks, start, give_up, {}, {}, {}, {}, {}, {}};
  std::vector<std::jthread> connections;
  for (size_t i = 0; i < settings.connections; ++i)
    connections.emplace_back([&shared] { send_arrivals(shared); });
  while (shared.done.load() < arrivals.size() && !hooks.stop.stop_requested()) {
    std::this_thread::sleep_for(kProgressStep);
    if (!hooks.on_progress) continue;
    hooks.on_progress({std::chrono::duration<double>(Clock::now() - start).count(),
                       shared.done.load(), shared.failed.load()});
  }
  connections.clear();
  shared.total.seconds = std::max(settings.duration_s, shared.total.seconds);
  return std::move(shared.total);
}

LoadSample send_one(const LoadTarget& target, const LoadBody& body, std::chrono::seconds timeout) {
  const auto owned = make_client(target.server);
  httplib::ClientImpl& client = *owned;
  configure(client, false, timeout);
  LoadSample sample;
  sample.due = sample.sent = Clock::now();
  const auto answer = client.Post(target.path, headers_of(body, 0), body.bytes, body.content_type);
  sample.end = Clock::now();
  sample.status = answer ? answer->status : 0;
  sample.connected = answer || answer.error() != httplib::Error::Connection;
  return sample;
}

}  // namespace beralih
