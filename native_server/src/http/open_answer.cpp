#include "http/open_answer.h"

#include <utility>

namespace beralih {

bool OpenAnswer::write(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (detached_ || finished_ || cut_off_) return false;
  if (waiting_.size() + bytes.size() > most_waiting_) {
    cut_off_ = true;
    waiting_ = {};
  } else {
    waiting_ += bytes;
  }
  if (wake_) wake_(cut_off_);
  return !cut_off_;
}

void OpenAnswer::finish() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  if (wake_) wake_(false);
}

void OpenAnswer::attach(std::function<void(bool)> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
}

void OpenAnswer::detach() {
  const std::lock_guard lock(mutex_);
  detached_ = true;
  wake_ = nullptr;
}

OpenAnswer::Part OpenAnswer::take() {
  const std::lock_guard lock(mutex_);
  return {std::exchange(waiting_, {}), finished_, cut_off_};
}

bool OpenAnswer::has_news() const {
  const std::lock_guard lock(mutex_);
  return !waiting_.empty() || finished_ || cut_off_;
}

}  // namespace beralih
