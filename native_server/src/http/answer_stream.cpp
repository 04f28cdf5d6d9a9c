#include "http/answer_stream.h"

namespace beralih {
namespace {

thread_local IncomingRequest incoming;

}  // namespace

IncomingRequest& incoming_request() { return incoming; }

}  // namespace beralih
