#include "http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <utility>

namespace beralih {
namespace {

std::string last_reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? "its content" : reason;
}

/// Nothing where the file can be read, otherwise why not.
std::string read_fault(const std::filesystem::path& file) {
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) return "it is a folder";
  errno = 0;
  if (std::ifstream(file).get() != std::ifstream::traits_type::eof()) return {};
  return errno != 0 ? std::strerror(errno) : "it is empty";
}

Error unusable(const std::string& what, const std::filesystem::path& file, const std::string& why) {
  return Error{ErrorCode::kInvalidArgument,
               "the " + what + " " + file.string() + " cannot be used: " + why};
}

/// A server has nobody to ask for a passphrase.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

/// Clients that offer HTTP/2 as well must be told which one it is.
int choose_http_1_1(SSL*, const unsigned char** chosen, unsigned char* chosen_length,
                    const unsigned char* offered, unsigned int offered_length, void*) {
  static constexpr unsigned char kProtocols[] = "\x08http/1.1";
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, chosen_length, kProtocols, sizeof kProtocols - 1, offered,
                            offered_length) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

void configure(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // In 1.2: forward secrecy and authenticated encryption only. 1.3 has nothing else.
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // Tickets resume sessions; a cache in the server would grow. Idle connections keep no buffers.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context, choose_http_1_1, nullptr);
}

Result<std::shared_ptr<SSL_CTX>> make_context(const std::filesystem::path& certificate,
                                              const std::filesystem::path& key) {
  if (const auto fault = read_fault(certificate); !fault.empty())
    return unusable("certificate", certificate, fault);
  if (const auto fault = read_fault(key); !fault.empty()) return unusable("key", key, fault);
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (context == nullptr) return Error{ErrorCode::kIo, "TLS cannot be set up: " + last_reason()};
  configure(context.get());
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1) {
    return unusable("certificate", certificate,
                    "it holds no PEM certificate, or a damaged one (" + last_reason() + ")");
  }
  bool encrypted = false;
  SSL_CTX_set_default_passwd_cb(context.get(), no_passphrase);
  SSL_CTX_set_default_passwd_cb_userdata(context.get(), &encrypted);
  const bool loaded =
      SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) == 1;
  SSL_CTX_set_default_passwd_cb_userdata(context.get(), nullptr);
  SSL_CTX_set_default_passwd_cb(context.get(), nullptr);
  if (!loaded && encrypted) {
    return unusable(
        "key", key,
        "it is encrypted; `openssl pkey -in FILE -out OTHER` writes it without passphrase");
  }
  // A key of another kind than the certificate's is taken, and then lacks one.
  const bool mismatch = loaded
                            ? SSL_CTX_check_private_key(context.get()) != 1
                            : ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
  if (mismatch) {
    ERR_clear_error();
    return unusable("key", key, "it does not belong to the certificate " + certificate.string());
  }
  if (!loaded)
    return unusable("key", key, "it holds no PEM key, or a damaged one (" + last_reason() + ")");
  return context;
}

/// Bytes of one connection. OpenSSL reads and writes the socket itself, without blocking.
class TlsTransport : public Transport {
 public:
  TlsTransport(int socket, std::shared_ptr<SSL_CTX> context)
      : socket_(socket), context_(std::move(context)), ssl_(SSL_new(context_.get()), SSL_free) {
    if (ssl_ == nullptr) return;
    SSL_set_fd(ssl_.get(), socket);
    SSL_set_accept_state(ssl_.get());
  }

  IoResult read(char* data, size_t size) override {
    if (plain_) return plain_->read(data, size);
    if (!begun_) {
      const IoResult first = look_at_first_byte();
      if (first.kind != IoResult::kDone) return first;
    }
    ERR_clear_error();
    size_t got = 0;
    if (ssl_ != nullptr && SSL_read_ex(ssl_.get(), data, size, &got) == 1)
      return {IoResult::kDone, got};
    return what_is_missing();
  }

  IoResult write(const char* data, size_t size) override {
    if (plain_) return plain_->write(data, size);
    ERR_clear_error();
    size_t sent = 0;
    if (ssl_ != nullptr && SSL_write_ex(ssl_.get(), data, size, &sent) == 1)
      return {IoResult::kDone, sent};
    return what_is_missing();
  }

  void finish() override {
    if (!plain_) {
      ERR_clear_error();
      if (ssl_ != nullptr && !broken_) SSL_shutdown(ssl_.get());
      plain_ = make_plain_transports()->make(socket_);  // what still comes is thrown away
    }
    plain_->finish();
  }

 private:
  /// A person who wrote http:// begins with a method, a TLS client with the byte 22.
  IoResult look_at_first_byte() {
    char first = 0;
    const ssize_t got = ::recv(socket_, &first, 1, MSG_PEEK);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
      return {IoResult::kWantRead};
    if (got <= 0) return {IoResult::kClosed};
    begun_ = true;
    if (first < 'A' || first > 'Z') return {IoResult::kDone};
    plain_ = make_plain_transports()->make(socket_);
    return {IoResult::kForeign};
  }

  /// Why OpenSSL did not do what it was asked to, after a call that failed.
  IoResult what_is_missing() {
    if (ssl_ == nullptr) return {IoResult::kClosed};
    switch (SSL_get_error(ssl_.get(), 0)) {
      case SSL_ERROR_WANT_READ: return {IoResult::kWantRead};
      case SSL_ERROR_WANT_WRITE: return {IoResult::kWantWrite};
      case SSL_ERROR_ZERO_RETURN: return {IoResult::kClosed};
      default: broken_ = true; return {IoResult::kClosed};
    }
  }

  int socket_;
  std::shared_ptr<SSL_CTX> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  std::unique_ptr<Transport> plain_;  ///< once no TLS is spoken, or none any more
  bool begun_ = false;
  bool broken_ = false;
};

class TlsTransports : public TransportFactory {
 public:
  explicit TlsTransports(std::shared_ptr<const TlsIdentity> identity)
      : identity_(std::move(identity)) {}
  std::unique_ptr<Transport> make(int socket) override {
    return std::make_unique<TlsTransport>(socket, identity_->context());
  }

 private:
  std::shared_ptr<const TlsIdentity> identity_;
};

std::string printed(const std::function<void(BIO*)>& print) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), BIO_free);
  if (memory == nullptr) return {};
  print(memory.get());
  char* text = nullptr;
  const long length = BIO_get_mem_data(memory.get(), &text);
  return length > 0 ? std::string(text, static_cast<size_t>(length)) : std::string();
}

}  // namespace

Result<std::shared_ptr<TlsIdentity>> TlsIdentity::open(std::filesystem::path certificate,
                                                       std::filesystem::path key) {
  auto identity = std::make_shared<TlsIdentity>();
  identity->certificate_ = std::move(certificate);
  identity->key_ = std::move(key);
  if (auto read = identity->reread(); !read) return read.error();
  return identity;
}

Status TlsIdentity::reread() {
  auto context = make_context(certificate_, key_);
  if (!context) return context.error();
  const std::lock_guard lock(mutex_);
  context_ = *std::move(context);
  return Ok{};
}

std::shared_ptr<SSL_CTX> TlsIdentity::context() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

std::string TlsIdentity::description() const {
  const auto held = context();
  const X509* certificate = SSL_CTX_get0_certificate(held.get());
  const ASN1_TIME* end = X509_get0_notAfter(certificate);
  const bool over = X509_cmp_current_time(end) < 0;
  return printed([&](BIO* out) {
           X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, XN_FLAG_ONELINE);
         }) +
         (over ? ", EXPIRED on " : ", valid until ") +
         printed([&](BIO* out) { ASN1_TIME_print(out, end); });
}

std::unique_ptr<TransportFactory> make_tls_transports(std::shared_ptr<const TlsIdentity> identity) {
  return std::make_unique<TlsTransports>(std::move(identity));
}

}  // namespace beralih
