// TLS for the server: its certificate and key, and the transports that use them.
#pragma once

#include <openssl/types.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "beralih/result.h"
#include "http/transport.h"

namespace beralih {

/// The certificate that the server shows. It can be renewed while connections stand.
class TlsIdentity {
 public:
  /// PEM files: the certificate with its chain, and its key. Errors: kIo, kInvalidArgument, one
  /// sentence.
  static Result<std::shared_ptr<TlsIdentity>> open(std::filesystem::path certificate,
                                                   std::filesystem::path key);

  /// Reads both files anew, for connections that come later; the old ones stay where they cannot be
  /// used. Errors: as open().
  Status reread();

  /// "CN=example.org, valid until 2027-01-31", for the log.
  std::string description() const;

  std::shared_ptr<SSL_CTX> context() const;

 private:
  std::filesystem::path certificate_;
  std::filesystem::path key_;
  mutable std::mutex mutex_;
  std::shared_ptr<SSL_CTX> context_;  ///< guarded by mutex_
};

/// TLS 1.2 and newer. What speaks no TLS is answered with kForeign, once.
std::unique_ptr<TransportFactory> make_tls_transports(std::shared_ptr<const TlsIdentity> identity);

}  // namespace beralih
