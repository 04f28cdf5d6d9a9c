#include "lab/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

namespace beralih {
namespace {

constexpr const char* kOwnProgram = "/proc/self/exe";
constexpr int kCannotRun = 127;
constexpr size_t kMostLines = 1000;
constexpr size_t kMostLineBytes = 4096;
constexpr unsigned kCloseOnExec = 1u << 2;  // CLOSE_RANGE_CLOEXEC

/// Settings of the parent, and what a service manager told it, are not the child's.
bool is_inherited(std::string_view variable) {
  constexpr std::string_view kNot[] = {"BERALIH_", "NOTIFY_SOCKET=", "LISTEN_", "WATCHDOG_"};
  return variable.starts_with("BERALIH_RESIZE_KERNELS=") ||
         std::none_of(std::begin(kNot), std::end(kNot),
                      [&](std::string_view prefix) { return variable.starts_with(prefix); });
}

/// Between fork and exec: only calls that are safe in the child of a program with threads.
[[noreturn]] void become(char* const* arguments, char* const* environment, int log, pid_t parent,
                         uint64_t most_data_bytes) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kCannotRun);  // it died in between
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const rlimit data{most_data_bytes, most_data_bytes};
  ::setrlimit(RLIMIT_DATA, &data);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(nothing, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::syscall(SYS_close_range, 3u, ~0u, kCloseOnExec);
  ::execve(kOwnProgram, arguments, environment);
  ::_exit(kCannotRun);
}

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const std::vector<std::string>& arguments,
                                                          uint64_t most_data_bytes) {
  std::vector<std::string> words{"beralih"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (is_inherited(*variable)) environment.push_back(*variable);
  }
  environment.push_back(nullptr);

  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0)
    return Error{ErrorCode::kIo,
                 std::string("no pipe to a child process: ") + std::strerror(errno)};
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) become(pointers.data(), environment.data(), pipe[1], parent, most_data_bytes);
  const int code = errno;
  ::close(pipe[1]);
  if (child < 0) {
    ::close(pipe[0]);
    return Error{ErrorCode::kIo, std::string("no child process: ") + std::strerror(code)};
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(child, pipe[0]));
}

ChildProcess::ChildProcess(pid_t pid, int log)
    : pid_(pid), log_(log), reader_([this] { read_log(); }) {}

ChildProcess::~ChildProcess() {
  ::kill(pid_, SIGKILL);  // not waited for yet, so the number is still its own
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  reader_.join();
  ::close(log_);
}

void ChildProcess::send_signal(int number) const { ::kill(pid_, number); }

void ChildProcess::read_log() {
  char bytes[4096];
  std::string line;
  for (;;) {
    const ssize_t got = ::read(log_, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    const std::lock_guard lock(mutex_);
    if (got <= 0) {
      ended_ = true;
      changed_.notify_all();
      return;
    }
    for (const char c : std::string_view(bytes, static_cast<size_t>(got))) {
      if (c != '\n') {
        if (line.size() < kMostLineBytes) line += c;
        continue;
      }
      if (lines_.size() < kMostLines) lines_.push_back(line);
      line.clear();
    }
    changed_.notify_all();
  }
}

std::optional<std::string> ChildProcess::wait_for_line(const std::string& words,
                                                       std::chrono::milliseconds timeout,
                                                       const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  });
  std::optional<std::string> found;
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [&] {
    for (const std::string& line : lines_) {
      const size_t at = line.find(words);
      if (at != std::string::npos) found = line.substr(at + words.size());
      if (found) return true;
    }
    return ended_ || stop.stop_requested();
  });
  return found;
}

bool ChildProcess::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

std::string ChildProcess::last_line() const {
  const std::lock_guard lock(mutex_);
  return lines_.empty() ? std::string() : lines_.back();
}

}  // namespace beralih
