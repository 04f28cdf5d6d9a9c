#include "telemetry/run_events.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "http/open_answer.h"

using namespace beralih;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

const std::string kRun(32, 'a');
const std::string kOther(32, 'b');

class Listener : public EventSink {
 public:
  bool write(std::string_view bytes) override {
    if (slow) return false;
    heard += bytes;
    return true;
  }
  void finish() override { finished = true; }

  std::string heard;
  bool finished = false;
  bool slow = false;
};

struct Clock {
  RunEvents::Clock::time_point now{1h};
  RunEvents make(RunEventLimits limits = {}) {
    return RunEvents(limits, [this] { return now; });
  }
};

void publish(RunEvents& events, const std::string& run, int count) {
  for (int i = 1; i <= count; ++i) events.publish(run, "step", "{\"n\":" + std::to_string(i) + "}");
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("run ids are 128 bits in lower-case hexadecimal", "[events]") {
  CHECK(is_run_id("0123456789abcdef0123456789abcdef"));
  for (const std::string& bad :
       {std::string(), std::string(31, 'a'), std::string(33, 'a'), std::string(32, 'A'),
        std::string(32, 'g'), std::string(31, 'a') + '\0'})
    CHECK_FALSE(is_run_id(bad));
}

TEST_CASE("a subscriber hears its own run, what is kept first", "[events]") {
  Clock clock;
  RunEvents events = clock.make();
  events.publish(kRun, "accepted", "{\"a\":1}");
  events.publish(kOther, "accepted", "{\"secret\":1}");
  const auto listener = std::make_shared<Listener>();
  CHECK(events.subscribe(kRun, std::nullopt, listener) == RunEvents::Answer::kSubscribed);
  events.publish(kRun, "answered", "{\"b\":2}");
  events.publish(kOther, "answered", "{\"secret\":2}");
  CHECK(listener->heard ==
        "retry: 1000\n\nid: 1\nevent: accepted\ndata: {\"a\":1}\n\n"
        "id: 2\nevent: answered\ndata: {\"b\":2}\n\n");
}

TEST_CASE("Last-Event-ID continues, and says how many events are no longer kept", "[events]") {
  Clock clock;
  RunEventLimits limits;
  limits.events_per_run = 4;
  RunEvents events = clock.make(limits);
  publish(events, kRun, 10);
  const auto heard_after = [&](std::optional<uint64_t> last) {
    const auto listener = std::make_shared<Listener>();
    CHECK(events.subscribe(kRun, last, listener) == RunEvents::Answer::kSubscribed);
    return listener->heard;
  };
  CHECK(count(heard_after(8), "event: step") == 2);
  CHECK_THAT(heard_after(8), !Contains("missed"));
  CHECK(count(heard_after(6), "event: step") == 4);
  CHECK_THAT(heard_after(6), !Contains("missed"));
  CHECK_THAT(heard_after(3), Contains("event: missed\ndata: {\"events\":3}\n\nid: 7\n"));
  CHECK_THAT(heard_after(std::nullopt), Contains("{\"events\":6}"));
  // Of a server that has been restarted since: its numbers began anew.
  CHECK(count(heard_after(77), "event: step") == 4);
}

TEST_CASE("a stream ends when its run is done, or when nothing comes", "[events]") {
  Clock clock;
  RunEvents events = clock.make();
  const auto done = std::make_shared<Listener>();
  const auto idle = std::make_shared<Listener>();
  events.subscribe(kRun, std::nullopt, done);
  events.subscribe(kOther, std::nullopt, idle);
  events.begin_request(kRun);
  publish(events, kRun, 1);
  clock.now += 50s;  // a long request
  events.tick();
  CHECK_FALSE(done->finished);
  CHECK_THAT(done->heard, Contains(":\n\n"));  // a heartbeat
  events.end_request(kRun);
  clock.now += 1s;
  events.tick();
  CHECK_FALSE(done->finished);
  clock.now += 1s;
  events.tick();
  CHECK(done->finished);
  CHECK_THAT(done->heard, Contains("event: end\ndata: {\"reason\":\"done\"}"));
  CHECK_FALSE(idle->finished);
  clock.now += 60s;
  events.tick();
  CHECK_THAT(idle->heard, Contains("{\"reason\":\"idle\"}"));
  // Who has heard everything is told so instead of a new stream; others hear it again.
  const auto again = std::make_shared<Listener>();
  CHECK(events.subscribe(kRun, 1, again) == RunEvents::Answer::kNothingMore);
  CHECK(events.subscribe(kRun, 0, again) == RunEvents::Answer::kSubscribed);
}

TEST_CASE("runs and subscribers are bounded; the oldest run goes, but none that is heard",
          "[events]") {
  Clock clock;
  RunEventLimits limits;
  limits.runs = 3;
  limits.subscribers = 2;
  RunEvents events = clock.make(limits);
  const auto name = [](int number) { return std::string(31, '0') + std::to_string(number); };
  const auto listener = std::make_shared<Listener>();
  events.subscribe(name(1), std::nullopt, listener);
  for (int i = 2; i <= 6; ++i) {
    clock.now += 1s;
    publish(events, name(i), 1);
  }
  CHECK(events.counts().runs == 3);
  publish(events, name(1), 1);
  CHECK_THAT(listener->heard, Contains("id: 1\n"));
  {
    const auto second = std::make_shared<Listener>();
    CHECK(events.subscribe(name(6), std::nullopt, second) == RunEvents::Answer::kSubscribed);
    CHECK_THAT(second->heard, Contains("id: 1\n"));
    CHECK(events.subscribe(name(6), std::nullopt, std::make_shared<Listener>()) ==
          RunEvents::Answer::kFull);
  }  // a subscriber that is gone makes room
  CHECK(events.counts().subscribers == 1);
  const auto third = std::make_shared<Listener>();
  CHECK(events.subscribe(name(2), std::nullopt, third) == RunEvents::Answer::kSubscribed);
  CHECK_THAT(third->heard, !Contains("id: "));  // run 2 had been dropped
  clock.now += 10min;
  events.tick();
  CHECK(events.counts().runs == 2);  // what nobody listens to is kept for a while only
}

TEST_CASE("all runs are heard together while somebody listens, and without an end", "[events]") {
  Clock clock;
  RunEvents events = clock.make();
  publish(events, kRun, 1);
  const auto listener = std::make_shared<Listener>();
  events.subscribe(std::string(kAllRuns), std::nullopt, listener);
  CHECK_THAT(listener->heard, !Contains("id: "));  // nothing was kept for it
  publish(events, kRun, 1);
  publish(events, kOther, 1);
  CHECK_THAT(listener->heard,
             Contains("id: 1\nevent: step\ndata: {\"run\":\"" + kRun + "\",\"n\":1}\n\n") &&
                 Contains("id: 2\nevent: step\ndata: {\"run\":\"" + kOther + "\",\"n\":1}\n\n"));
  clock.now += 10min;
  events.tick();
  CHECK_FALSE(listener->finished);
  CHECK_THAT(listener->heard, Contains(":\n\n"));
  events.close();
  CHECK(listener->finished);
}

TEST_CASE("who reads too slowly is dropped and hears no more", "[events]") {
  Clock clock;
  RunEvents events = clock.make();
  const auto slow = std::make_shared<Listener>();
  const auto quick = std::make_shared<Listener>();
  events.subscribe(kRun, std::nullopt, slow);
  events.subscribe(kRun, std::nullopt, quick);
  slow->slow = true;
  publish(events, kRun, 2);
  CHECK(count(quick->heard, "event: step") == 2);
  CHECK(events.counts().subscribers == 1);
  CHECK(events.counts().dropped == 1);
}

TEST_CASE("at the end streams end with their run's last answer", "[events]") {
  Clock clock;
  RunEvents events = clock.make();
  const auto busy = std::make_shared<Listener>();
  const auto waiting = std::make_shared<Listener>();
  events.subscribe(kRun, std::nullopt, busy);
  events.subscribe(kOther, std::nullopt, waiting);
  events.begin_request(kRun);
  events.close();
  CHECK_THAT(waiting->heard, Contains("{\"reason\":\"shutdown\"}"));
  CHECK(waiting->finished);
  CHECK_FALSE(busy->finished);
  publish(events, kRun, 1);
  events.end_request(kRun);
  CHECK_THAT(busy->heard, Contains("event: step") && Contains("shutdown"));
  CHECK(busy->finished);
  CHECK(events.subscribe(kRun, std::nullopt, busy) == RunEvents::Answer::kClosed);
}

TEST_CASE("an open answer holds a bounded part, and wakes its connection", "[events]") {
  OpenAnswer answer(10);
  int woken = 0;
  bool cut_off = false;
  CHECK(answer.write("12345"));
  CHECK(answer.has_news());
  answer.attach([&](bool cut) {
    ++woken;
    cut_off = cut;
  });
  CHECK(answer.write("67890"));
  CHECK(woken == 1);
  CHECK(answer.take().bytes == "1234567890");
  CHECK_FALSE(answer.has_news());
  CHECK_FALSE(answer.write("12345678901"));
  CHECK(cut_off);
  CHECK(answer.take().cut_off);
  CHECK_FALSE(answer.write("1"));
  answer.detach();
  answer.finish();
  CHECK(woken == 2);
}
