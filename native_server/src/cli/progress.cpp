#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>

namespace beralih {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

void on_stop(int) { stop_requested = 1; }

void catch_stop_signals(bool caught) {
  struct sigaction action {};
  action.sa_handler = caught ? on_stop : SIG_DFL;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

constexpr std::chrono::milliseconds kSilence{1000};
constexpr std::chrono::milliseconds kTerminalStep{200};
constexpr std::chrono::milliseconds kPlainStep{5000};  // a log wants few lines

}  // namespace

ProgressLine::ProgressLine(std::string what, int64_t total)
    : what_(std::move(what)),
      total_(total),
      terminal_(::isatty(STDERR_FILENO) == 1),
      next_print_(start_ + kSilence) {
  stop_requested = 0;
  catch_stop_signals(true);
}

ProgressLine::~ProgressLine() {
  catch_stop_signals(false);
  if (printed_ && terminal_) std::fputs("\r\033[K", stderr);
}

ByteProgress ProgressLine::callback() {
  return [this](int64_t bytes) {
    const std::lock_guard lock(mutex_);
    done_ += bytes;
    const auto now = Clock::now();
    if (now >= next_print_ && done_ < total_) print(now);
    return stop_requested == 0;
  };
}

ByteProgress ProgressLine::golden_cases() {
  return [this](int64_t cases) {
    const std::lock_guard lock(mutex_);
    if (!counting_cases_) done_ = 0;
    counting_cases_ = true;
    done_ += cases;
    const auto now = Clock::now();
    if (now >= next_print_) print(now);
    return stop_requested == 0;
  };
}

void ProgressLine::print(Clock::time_point now) {
  next_print_ = now + (terminal_ ? kTerminalStep : kPlainStep);
  printed_ = true;
  if (counting_cases_) {
    std::fprintf(stderr, "%strying the network: %lld golden cases done%s",
                 terminal_ ? "\r\033[K" : "", static_cast<long long>(done_), terminal_ ? "" : "\n");
    std::fflush(stderr);
    return;
  }
  const double share =
      total_ > 0 ? std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_)) : 0;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double left = share > 0 ? elapsed / share - elapsed : 0;
  std::fprintf(stderr, "%s%s %3.0f %%, %s of %s, %.0f s left%s", terminal_ ? "\r\033[K" : "",
               what_.c_str(), share * 100, readable_bytes(done_).c_str(),
               readable_bytes(total_).c_str(), left, terminal_ ? "" : "\n");
  std::fflush(stderr);
}

std::string readable_bytes(int64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits{"bytes", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  std::array<char, 32> text{};
  const int decimals = unit == 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  std::snprintf(text.data(), text.size(), "%.*f %s", decimals, value, kUnits[unit]);
  return text.data();
}

}  // namespace beralih
