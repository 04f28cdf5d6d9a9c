// Bytes in and out of a connection's socket, which never block.
#pragma once

#include <cstddef>
#include <memory>

#include "beralih/result.h"

namespace beralih {

struct IoResult {
  /// kForeign: the client speaks another protocol; from then on its bytes pass as they are.
  enum Kind { kDone, kWantRead, kWantWrite, kClosed, kForeign };
  Kind kind;
  size_t bytes = 0;  ///< with kDone
  /// With kDone of a read(): there was no more, so another read() would say kWantRead, most likely.
  bool drained = false;
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual IoResult read(char* data, size_t size) = 0;
  virtual IoResult write(const char* data, size_t size) = 0;
  /// No more will be written.
  virtual void finish() = 0;
};

/// Makes the transports of accepted sockets; a socket stays its caller's.
class TransportFactory {
 public:
  virtual ~TransportFactory() = default;
  virtual std::unique_ptr<Transport> make(int socket) = 0;
};

std::unique_ptr<TransportFactory> make_plain_transports();

}  // namespace beralih
