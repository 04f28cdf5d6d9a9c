#include "http/answer_stream.h"

#include <poll.h>

namespace beralih {
namespace {

constexpr int kSlowReaderMs = 10'000;

thread_local IncomingRequest incoming;

}  // namespace

IncomingRequest& incoming_request() { return incoming; }

void AnswerStream::send_now() {
  for (;;) {
    const IoResult::Kind kind = connection_.output.flush(*connection_.transport);
    if (kind == IoResult::kDone) return;
    pollfd waiting{connection_.socket,
                   static_cast<short>(kind == IoResult::kWantRead ? POLLIN : POLLOUT), 0};
    if (kind == IoResult::kClosed || ::poll(&waiting, 1, kSlowReaderMs) <= 0) {
      failed_ = true;
      connection_.output.clear();
      return;
    }
  }
}

}  // namespace beralih
