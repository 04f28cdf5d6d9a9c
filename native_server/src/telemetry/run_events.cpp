#include "telemetry/run_events.h"

#include <algorithm>
#include <utility>

namespace beralih {
namespace {

constexpr std::string_view kHeartbeat = ":\n\n";
constexpr std::string_view kPreamble = "retry: 1000\n\n";

std::string event_bytes(std::string_view type, std::string_view data) {
  return "event: " + std::string(type) + "\ndata: " + std::string(data) + "\n\n";
}

}  // namespace

bool is_run_id(std::string_view text) {
  constexpr size_t kDigits = 32;
  return text.size() == kDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Room for one more run: one that nobody listens to goes, of those without requests the one that
/// has been quiet the longest.
bool RunEvents::make_room() {
  if (runs_.size() < limits_.runs) return true;
  auto oldest = runs_.end();
  for (auto it = runs_.begin(); it != runs_.end(); ++it) {
    const Run& run = it->second;
    const auto listens = [](const std::weak_ptr<EventSink>& sink) { return !sink.expired(); };
    if (std::any_of(run.sinks.begin(), run.sinks.end(), listens)) continue;
    if (oldest == runs_.end() || std::pair(run.in_flight > 0, run.active) <
                                     std::pair(oldest->second.in_flight > 0, oldest->second.active))
      oldest = it;
  }
  if (oldest == runs_.end()) return false;
  runs_.erase(oldest);
  return true;
}

RunEvents::Run* RunEvents::find_or_make(const std::string& run) {
  auto found = runs_.find(run);
  if (found == runs_.end()) {
    if (!make_room()) return nullptr;
    found = runs_.emplace(run, Run{}).first;
  }
  found->second.active = now_();
  return &found->second;
}

void RunEvents::begin_request(const std::string& run) {
  const std::lock_guard lock(mutex_);
  if (Run* const found = find_or_make(run)) ++found->in_flight;
}

void RunEvents::end_request(const std::string& run) {
  const std::lock_guard lock(mutex_);
  const auto found = runs_.find(run);
  if (found == runs_.end()) return;
  Run& ended = found->second;
  ended.active = now_();
  ended.in_flight -= std::min<size_t>(ended.in_flight, 1);
  if (closed_ && ended.in_flight == 0) finish(ended, "shutdown");
}

void RunEvents::publish(const std::string& run, std::string_view type, std::string_view data) {
  const std::lock_guard lock(mutex_);
  ++published_;
  if (Run* const found = find_or_make(run)) add(*found, type, data);
  const auto all = runs_.find(kAllRuns);
  if (all == runs_.end() || all->second.sinks.empty()) return;
  all->second.active = now_();
  add(all->second, type, "{\"run\":\"" + run + "\"," + std::string(data.substr(1)));
}

void RunEvents::add(Run& run, std::string_view type, std::string_view data) {
  const uint64_t id = ++run.last_id;
  run.events.push_back({id, "id: " + std::to_string(id) + "\n" + event_bytes(type, data)});
  if (run.events.size() > limits_.events_per_run) run.events.pop_front();
  tell(run, run.events.back().bytes);
}

void RunEvents::tell(Run& run, std::string_view bytes) {
  run.heartbeat = now_();
  std::erase_if(run.sinks, [&](const std::weak_ptr<EventSink>& weak) {
    const std::shared_ptr<EventSink> sink = weak.lock();
    if (sink == nullptr) return true;
    if (sink->write(bytes)) return false;
    ++dropped_;
    return true;
  });
}

void RunEvents::finish(Run& run, std::string_view reason) {
  tell(run, event_bytes("end", "{\"reason\":\"" + std::string(reason) + "\"}"));
  for (const auto& weak : std::exchange(run.sinks, {})) {
    if (const std::shared_ptr<EventSink> sink = weak.lock()) sink->finish();
  }
}

bool RunEvents::is_done(const Run& run, Clock::time_point now) const {
  return run.last_id > 0 && run.in_flight == 0 && now - run.active >= limits_.done_after;
}

size_t RunEvents::count_subscribers() const {
  size_t count = 0;
  for (const auto& [id, run] : runs_) {
    count += static_cast<size_t>(
        std::count_if(run.sinks.begin(), run.sinks.end(),
                      [](const std::weak_ptr<EventSink>& sink) { return !sink.expired(); }));
  }
  return count;
}

RunEvents::Answer RunEvents::subscribe(const std::string& run, std::optional<uint64_t> last_id,
                                       const std::shared_ptr<EventSink>& sink) {
  const std::lock_guard lock(mutex_);
  if (closed_) return Answer::kClosed;
  if (const auto known = runs_.find(run);
      known != runs_.end() && last_id == known->second.last_id && is_done(known->second, now_())) {
    return Answer::kNothingMore;
  }
  if (count_subscribers() >= limits_.subscribers) return Answer::kFull;
  Run* const found = find_or_make(run);
  if (found == nullptr) return Answer::kFull;
  std::string replayed(kPreamble);
  // Ids beyond the last are those of a server that has been restarted since.
  const uint64_t seen = last_id.value_or(0) > found->last_id ? 0 : last_id.value_or(0);
  const uint64_t first = found->last_id - found->events.size();  // the last that is not kept
  if (seen < first)
    replayed += event_bytes("missed", "{\"events\":" + std::to_string(first - seen) + "}");
  for (const Event& event : found->events) {
    if (event.id > seen) replayed += event.bytes;
  }
  if (found->sinks.empty()) found->heartbeat = now_();
  if (sink->write(replayed)) found->sinks.push_back(sink);
  return Answer::kSubscribed;
}

void RunEvents::tick() {
  const std::lock_guard lock(mutex_);
  const auto now = now_();
  for (auto it = runs_.begin(); it != runs_.end();) {
    Run& run = it->second;
    std::erase_if(run.sinks, [](const auto& sink) { return sink.expired(); });
    if (run.sinks.empty() && run.in_flight == 0 && now - run.active >= limits_.kept) {
      it = runs_.erase(it);
      continue;
    }
    const bool all = it->first == kAllRuns;  // has no end of its own
    ++it;
    if (run.sinks.empty()) continue;
    if (!all && is_done(run, now)) {
      finish(run, "done");
    } else if (!all && run.in_flight == 0 && now - run.active >= limits_.idle_after) {
      finish(run, "idle");
    } else if (now - run.heartbeat >= limits_.heartbeat) {
      tell(run, kHeartbeat);
    }
  }
}

void RunEvents::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (auto& [id, run] : runs_) {
    if (run.in_flight == 0) finish(run, "shutdown");
  }
}

RunEvents::Counts RunEvents::counts() const {
  const std::lock_guard lock(mutex_);
  return {runs_.size(), count_subscribers(), published_, dropped_};
}

}  // namespace beralih
