#include "cli/stop_events.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>

namespace beralih {

StopEvents::StopEvents() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  signal_fd_ = ::signalfd(-1, &signals_, SFD_CLOEXEC);
  event_fd_ = ::eventfd(0, EFD_CLOEXEC);
}

StopEvents::~StopEvents() {
  ::close(signal_fd_);
  ::close(event_fd_);
}

void StopEvents::raise() { ::eventfd_write(event_fd_, 1); }

bool StopEvents::wait_for_reload() {
  pollfd fds[] = {
      {signal_fd_, POLLIN, 0},
      {event_fd_,  POLLIN, 0}
  };
  while (::poll(fds, std::size(fds), -1) < 0 && errno == EINTR) {
  }
  signalfd_siginfo info{};
  if ((fds[0].revents & POLLIN) != 0 && ::read(signal_fd_, &info, sizeof info) < 0) return false;
  if (info.ssi_signo == SIGHUP) return true;
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGHUP, SIG_IGN);
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
  return false;
}

}  // namespace beralih
