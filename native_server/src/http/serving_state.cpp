#include "http/serving_state.h"

#include <chrono>
#include <thread>

namespace beralih {

Status check_remaining_golden(const std::shared_ptr<Classifier>& classifier, ServingState& state,
                              const std::stop_token& stop) {
  constexpr auto kRetry = std::chrono::milliseconds(20);
  const auto& golden = classifier->bundle().contract().golden;
  for (size_t i = 1; i < golden.size(); ++i) {
    Status status = classifier->check_golden(golden[i]);
    while (!status && status.error().code == ErrorCode::kOverloaded && !stop.stop_requested()) {
      std::this_thread::sleep_for(kRetry);
      status = classifier->check_golden(golden[i]);
    }
    if (stop.stop_requested()) return Ok{};
    if (!status) {
      state.withdraw(status.error().message);
      return status;
    }
  }
  return Ok{};
}

}  // namespace beralih
