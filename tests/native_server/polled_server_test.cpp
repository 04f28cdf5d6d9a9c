// The real server over real sockets, with a fake engine: what the thread sanitizer is to see.
#include <httplib.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/model_host.h"
#include "http/access_control.h"
#include "http/server.h"
#include "http/tls.h"
#include "test_bundle.h"

using namespace beralih;
using namespace beralih_test;
using std::chrono::milliseconds;

namespace {

/// A loaded host, a server on a free port, and what they share.
class RunningServer {
 public:
  explicit RunningServer(HttpOptions http = {}) : host_(host_options(), events()) {
    std::signal(SIGPIPE, SIG_IGN);  // as the program does
    http.port = 0;
    http.log_requests = false;
    http.connection_threads = 8;
    http.reload = [this] { return host_.reload(); };
    server_ = std::make_unique<HttpServer>(std::move(http), state_);
    REQUIRE(server_->start());
    REQUIRE(host_.start());
  }
  ~RunningServer() { stop(); }

  void stop() {
    state_.begin_drain("the test ends");
    server_->begin_drain();
    host_.stop();
    server_->stop();
  }

  int port() const {
    const std::string& url = server_->url();
    return std::atoi(url.substr(url.rfind(':') + 1).c_str());
  }
  ModelHost& host() { return host_; }

 private:
  ModelHostOptions host_options() {
    ModelHostOptions options;
    options.bundle = bundle_.path();
    options.classifier.max_batch = 4;
    options.classifier.queue_capacity = 1000;
    options.canary_interval = milliseconds(5);
    options.make_engine = [](const Bundle&) -> Result<std::unique_ptr<InferenceEngine>> {
      return std::unique_ptr<InferenceEngine>(new FakeEngine);
    };
    return options;
  }
  ModelHostEvents events() {
    return {.publish = [this](std::shared_ptr<Classifier> c) { state_.publish(std::move(c), 1); },
            .withdraw = [this](const std::string& reason) { state_.withdraw(reason); },
            .log = [](const std::string&) {}};
  }

  TestBundle bundle_;
  ServingState state_;
  ModelHost host_;
  std::unique_ptr<HttpServer> server_;
};

/// Sends pictures until told to stop; counts what is not 200.
struct Clients {
  std::atomic<bool> ended{false};
  std::atomic<int> answered{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;

  template <typename MakeClient>
  void start(int count, bool keep_alive, MakeClient make) {
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([this, keep_alive, make] {
        while (!ended) {
          const auto client = make();
          client->set_keep_alive(keep_alive);
          for (int request = 0; request < 10 && !ended; ++request) {
            const auto answer = client->Post("/api/classify", red_png(), "image/png");
            ++(answer && answer->status == 200 ? answered : wrong);
          }
        }
      });
    }
  }
  void join() {
    ended = true;
    for (std::thread& thread : threads) thread.join();
    threads.clear();
  }
  bool wait_for(int count) const {
    for (int i = 0; i < 6000 && answered < count; ++i)
      std::this_thread::sleep_for(milliseconds(10));
    return answered >= count;
  }
};

}  // namespace

TEST_CASE("clients are answered while the model is replaced under them", "[server]") {
  RunningServer server;
  Clients clients;
  const auto make = [port = server.port()] {
    return std::make_unique<httplib::ClientImpl>("127.0.0.1", port);
  };
  clients.start(3, true, make);
  clients.start(2, false, make);
  for (int i = 0; i < 5; ++i) {
    const auto answer = make()->Post("/api/admin/reload", "", "application/json");
    REQUIRE(answer);
    CHECK(answer->status == 200);
  }
  for (const char* path : {"/metrics", "/v2", "/api/contract", "/api/nothing", "/"}) {
    const auto answer = make()->Get(path);
    REQUIRE(answer);
    CHECK(answer->status == (path == std::string("/api/nothing") ? 404 : 200));
  }
  CHECK(clients.wait_for(200));
  clients.join();
  CHECK(clients.wrong == 0);
}

TEST_CASE("a server that ends among its clients answers or closes", "[server]") {
  auto server = std::make_unique<RunningServer>();
  Clients clients;
  const auto make = [port = server->port()] {
    return std::make_unique<httplib::ClientImpl>("127.0.0.1", port);
  };
  clients.start(4, true, make);
  CHECK(clients.wait_for(50));
  server->stop();
  server.reset();
  clients.join();
}

TEST_CASE("bytes of unfinished requests are counted right while many send", "[server]") {
  constexpr size_t kBody = 300'000;
  constexpr int kClients = 6;
  HttpOptions http;
  http.max_body_bytes = kBody;
  http.max_buffered_bytes = kBody;  // of six bodies about one has room
  RunningServer server(std::move(http));
  std::atomic<int> whole{0};
  std::atomic<int> refused{0};
  std::atomic<int> other{0};
  const auto send = [&](httplib::ClientImpl& client) {
    const auto answer = client.Post(
        "/api/classify", kBody,
        [](size_t offset, size_t length, httplib::DataSink& sink) {
          const std::string part(std::min<size_t>(length, 50'000), 'x');
          std::this_thread::sleep_for(milliseconds(offset == 0 ? 0 : 2));
          return sink.write(part.data(), part.size());
        },
        "image/png");
    // A client that is refused while it sends may fail to send, and does not read why.
    ++(answer && answer->status == 415 ? whole : answer && answer->status != 503 ? other : refused);
  };
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&] {
      for (int request = 0; request < 10; ++request) {
        httplib::ClientImpl client("127.0.0.1", server.port());
        send(client);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  CHECK(whole > 0);
  CHECK(refused > 0);
  CHECK(other == 0);
  // Nothing is counted any more: one body has all the room again.
  for (int i = 0; i < 3; ++i) {
    whole = 0;
    httplib::ClientImpl client("127.0.0.1", server.port());
    send(client);
    CHECK(whole == 1);
  }
}

TEST_CASE("keys are replaced while callers are judged", "[server]") {
  const auto first = make_api_key("first", Role::kUser);
  const auto second = make_api_key("second", Role::kAdmin);
  REQUIRE(first);
  REQUIRE(second);
  TestBundle folder;
  const auto file = folder.path() / "keys";
  write_file(file, first->line + "\n");
  const auto access = AccessControl::with_keys(file, {Access::kHealth});
  REQUIRE(access);
  HttpOptions http;
  http.access = *access;
  RunningServer server(std::move(http));
  Clients clients;
  clients.start(3, true, [port = server.port(), key = first->key] {
    auto client = std::make_unique<httplib::ClientImpl>("127.0.0.1", port);
    client->set_bearer_token_auth(key);
    return client;
  });
  write_file(file, first->line + "\n" + second->line + "\n");
  for (int i = 0; i < 20; ++i) CHECK((*access)->reread());
  CHECK(clients.wait_for(50));
  clients.join();
  CHECK(clients.wrong == 0);
}

TEST_CASE("the certificate is replaced while clients connect", "[server]") {
  TestBundle folder;
  const auto certificate = folder.path() / "cert.pem";
  const auto key = folder.path() / "key.pem";
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test "
      "-keyout " +
      key.string() + " -out " + certificate.string() + " 2>/dev/null";
  REQUIRE(std::system(command.c_str()) == 0);  // NOLINT: the test's own words
  const auto tls = TlsIdentity::open(certificate, key);
  REQUIRE(tls);
  HttpOptions http;
  http.tls = *tls;
  RunningServer server(std::move(http));
  const auto make = [port = server.port()] {
    auto client = std::make_unique<httplib::SSLClient>("127.0.0.1", port);
    client->enable_server_certificate_verification(false);
    return client;
  };
  Clients clients;
  clients.start(2, true, make);
  clients.start(2, false, make);
  for (int i = 0; i < 20; ++i) CHECK((*tls)->reread());
  httplib::Client plain("127.0.0.1", server.port());
  const auto told = plain.Get("/v2/health/live");
  REQUIRE(told);
  CHECK(told->status == 400);
  CHECK(clients.wait_for(50));
  clients.join();
  CHECK(clients.wrong == 0);
}
