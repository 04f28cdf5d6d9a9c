// A load that costs little itself: one thread, epoll, the same request again and again on each
// connection as soon as its answer is there (closed loop). For measuring a server that shares the
// cores with its client; `beralih loadtest` is for latencies under an open loop.
//
//   server_load PORT REQUEST_FILE CONNECTIONS SECONDS
//
// REQUEST_FILE holds the bytes to send, head and body. Prints one JSON object.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "server_load: %s\n", message.c_str());
  std::exit(1);
}

struct Client {
  int socket = -1;
  size_t sent = 0;
  std::string answer;  ///< its head, until that is whole
  size_t missing = 0;  ///< of the body
  bool in_body = false;
  Clock::time_point begun;
};

struct Totals {
  std::vector<double> ms;
  std::map<int, long> statuses;
  long closed = 0;  ///< connections that the server ended
};

int connect_to(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fail("cannot connect to port " + std::to_string(port));
  const int yes = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return socket;
}

class Load {
 public:
  Load(int port, std::string request, size_t connections)
      : request_(std::move(request)), clients_(connections), buffer_(1u << 18) {
    for (size_t i = 0; i < connections; ++i) {
      clients_[i].socket = connect_to(port);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, clients_[i].socket, &event);
    }
  }

  Totals run(double seconds) {
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(seconds));
    for (Client& client : clients_) begin(client);
    epoll_event events[64];
    while (Clock::now() < end && totals_.closed < static_cast<long>(clients_.size())) {
      const int count = ::epoll_wait(epoll_, events, 64, 100);
      for (int i = 0; i < count; ++i) {
        Client& client = clients_[events[i].data.u64];
        if ((events[i].events & EPOLLOUT) != 0) send_rest(client);
        if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_answer(client);
      }
    }
    return std::move(totals_);
  }

 private:
  void begin(Client& client) {
    client.sent = 0;
    client.begun = Clock::now();
    send_rest(client);
  }

  void send_rest(Client& client) {
    const ssize_t sent = ::send(client.socket, request_.data() + client.sent,
                                request_.size() - client.sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    const bool was_partial = client.sent > 0;
    if (sent > 0) client.sent += static_cast<size_t>(sent);
    const bool partial = client.sent < request_.size();
    if (!partial && !was_partial) return;
    epoll_event event{};
    event.events = EPOLLIN | (partial ? EPOLLOUT : 0u);
    event.data.u64 = static_cast<uint64_t>(&client - clients_.data());
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, client.socket, &event);
  }

  void read_answer(Client& client) {
    const ssize_t got = ::recv(client.socket, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      ++totals_.closed;
      ::close(client.socket);
      return;
    }
    std::string_view bytes(buffer_.data(), static_cast<size_t>(got));
    if (!client.in_body) {
      const size_t before = client.answer.size();
      client.answer.append(bytes);
      const size_t head_end = client.answer.find("\r\n\r\n");
      if (head_end == std::string::npos) return;
      bytes.remove_prefix(head_end + 4 - before);
      // Some servers write header names in lower case.
      const char* length = ::strcasestr(client.answer.c_str(), "\r\nContent-Length: ");
      if (length == nullptr || length > client.answer.c_str() + head_end)
        fail("an answer without Content-Length");
      client.missing = std::strtoull(length + 18, nullptr, 10);
      client.in_body = true;
    }
    client.missing -= std::min(client.missing, bytes.size());
    if (client.missing > 0) return;
    totals_.ms.push_back(
        std::chrono::duration<double, std::milli>(Clock::now() - client.begun).count());
    ++totals_.statuses[std::atoi(client.answer.c_str() + 9)];  // behind "HTTP/1.1 "
    client.answer.clear();
    client.in_body = false;
    begin(client);
  }

  std::string request_;
  std::vector<Client> clients_;
  std::vector<char> buffer_;
  int epoll_ = ::epoll_create1(0);
  Totals totals_;
};

double percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(rank, sorted.size() - 1)];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) fail("usage: server_load PORT REQUEST_FILE CONNECTIONS SECONDS");
  std::ifstream file(argv[2], std::ios::binary);
  const std::string request{std::istreambuf_iterator<char>(file), {}};
  if (request.empty()) fail(std::string(argv[2]) + " cannot be read");
  Load load(std::atoi(argv[1]), request, static_cast<size_t>(std::atoi(argv[3])));
  const auto start = Clock::now();
  const std::clock_t cpu = std::clock();
  Totals totals = load.run(std::atof(argv[4]));
  const double cpu_s = static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::sort(totals.ms.begin(), totals.ms.end());
  std::printf(
      "{\"requests\": %zu, \"seconds\": %.3f, \"per_second\": %.1f, \"cpu_s\": %.3f, "
      "\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.3f, \"closed\": %ld, "
      "\"statuses\": {",
      totals.ms.size(), seconds, static_cast<double>(totals.ms.size()) / seconds, cpu_s,
      percentile(totals.ms, 0.5), percentile(totals.ms, 0.99), percentile(totals.ms, 1),
      totals.closed);
  const char* separator = "";
  for (const auto& [status, count] : totals.statuses) {
    std::printf("%s\"%d\": %ld", separator, status, count);
    separator = ", ";
  }
  std::puts("}}");
  return 0;
}
