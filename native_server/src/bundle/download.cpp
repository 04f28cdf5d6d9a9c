#include "bundle/download.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <thread>
#include <vector>

namespace beralih {
namespace {

namespace fs = std::filesystem;

constexpr int kAttempts = 4;  ///< in a row that bring nothing
constexpr auto kFirstPause = std::chrono::milliseconds(500);

// curl(1), "EXIT CODES"
constexpr int kCouldNotResolveProxy = 5;
constexpr int kCouldNotResolveHost = 6;
constexpr int kCouldNotConnect = 7;
constexpr int kPartialFile = 18;
constexpr int kHttpError = 22;
constexpr int kWriteError = 23;
constexpr int kTimeout = 28;
constexpr int kRangeError = 33;
constexpr int kTooManyRedirects = 47;
constexpr int kEmptyReply = 52;
constexpr int kSendError = 55;
constexpr int kReceiveError = 56;

struct Outcome {
  int exit_code = 0;
  int http_status = 0;
  std::string message;  ///< curl's own, may be empty
};

Error failed(const std::string& what) { return Error{ErrorCode::kIo, what}; }

uintmax_t size_of(const fs::path& path) {
  std::error_code code;
  const uintmax_t size = fs::file_size(path, code);
  return code ? 0 : size;
}

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<size_t>(count));
  }
}

Result<Outcome> run_curl(const std::string& url, const fs::path& part, bool show_progress) {
  // A redirection must not take an https download to http.
  const char* redirected = url.starts_with("http://") ? "=https,http" : "=https";
  const std::string target = part.string();
  const std::vector<const char*> arguments{"curl",
                                           show_progress ? "--progress-bar" : "--silent",
                                           "--fail",
                                           "--location",
                                           "--max-redirs",
                                           "10",
                                           "--proto",
                                           "=https,http",
                                           "--proto-redir",
                                           redirected,
                                           "--connect-timeout",
                                           "20",
                                           "--speed-limit",
                                           "1",
                                           "--speed-time",
                                           "60",
                                           "--continue-at",
                                           "-",
                                           "--output",
                                           target.c_str(),
                                           "--write-out",
                                           "%{http_code} %{errormsg}",
                                           "--url",
                                           url.c_str(),
                                           nullptr};
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0)
    return failed(std::string("cannot start curl: ") + std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, "curl", &actions, nullptr,
                                   const_cast<char* const*>(arguments.data()), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  const std::string text = error == 0 ? read_all(pipe[0]) : std::string();
  ::close(pipe[0]);
  if (error == ENOENT)
    return failed("curl, which downloads, is not installed: apt-get install curl");
  if (error != 0) return failed(std::string("cannot start curl: ") + std::strerror(error));

  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status)) return failed("the download was ended by a signal");
  Outcome outcome;
  outcome.exit_code = WEXITSTATUS(status);
  outcome.http_status = std::atoi(text.c_str());
  const size_t space = text.find(' ');
  if (space != std::string::npos) outcome.message = text.substr(space + 1);
  return outcome;
}

bool is_worth_another_try(const Outcome& outcome) {
  switch (outcome.exit_code) {
    case kPartialFile:
    case kTimeout:
    case kEmptyReply:
    case kSendError:
    case kReceiveError: return true;
    case kHttpError:
      return outcome.http_status == 408 || outcome.http_status == 429 || outcome.http_status >= 500;
    default: return false;
  }
}

std::string describe(const Outcome& outcome) {
  switch (outcome.exit_code) {
    case kCouldNotResolveProxy:
    case kCouldNotResolveHost:
    case kCouldNotConnect:
      return "there is no way to it from here" +
             (outcome.message.empty() ? "" : " (" + outcome.message + ")");
    case kHttpError: return "the server answers " + std::to_string(outcome.http_status);
    case kTooManyRedirects: return "it redirects more than 10 times";
    case kWriteError: return "what comes cannot be written; is the disk full?";
    case kPartialFile:
    case kEmptyReply:
    case kReceiveError:
    case kTimeout: return "the connection keeps breaking";
    default:
      return outcome.message.empty() ? "curl ended with status " + std::to_string(outcome.exit_code)
                                     : outcome.message;
  }
}

}  // namespace

Status download(const std::string& url, const fs::path& part, bool show_progress) {
  auto pause = kFirstPause;
  for (int attempt = 1;;) {
    const uintmax_t before = size_of(part);
    const auto outcome = run_curl(url, part, show_progress);
    if (!outcome) return outcome.error();
    if (outcome->exit_code == 0) return Ok{};

    const uintmax_t after = size_of(part);
    if (outcome->exit_code == kRangeError && before > 0) {  // it only sends the whole file
      std::error_code ignored;
      fs::remove(part, ignored);
      continue;
    }
    if (after > before) {
      attempt = 1;
      pause = kFirstPause;
    }
    if (!is_worth_another_try(*outcome) || attempt == kAttempts)
      return failed(url + " could not be fetched: " + describe(*outcome));
    ++attempt;
    std::cerr << "  the connection broke at " << after / 1'000'000 << " MB; going on\n";
    std::this_thread::sleep_for(pause);
    pause *= 2;
  }
}

}  // namespace beralih
