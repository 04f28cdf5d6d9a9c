#include "http/client.h"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace beralih {

std::unique_ptr<httplib::ClientImpl> make_client(const ServerAddress& address) {
  std::unique_ptr<httplib::ClientImpl> client;
  if (address.tls) {
    client = std::make_unique<httplib::SSLClient>(address.host, address.port);
    client->enable_server_certificate_verification(address.verify);
    if (!address.ca_file.empty()) client->set_ca_cert_path(address.ca_file);
  } else {
    client = std::make_unique<httplib::ClientImpl>(address.host, address.port);
  }
  if (!address.api_key.empty()) client->set_bearer_token_auth(address.api_key);
  return client;
}

std::string describe_failure(const ServerAddress& address, httplib::Error error) {
  std::string text = "does not answer: " + httplib::to_string(error);
  if (error == httplib::Error::SSLServerVerification)
    text +=
        "; its certificate is not trusted here, or another host's: --ca-file names who signed it";
  if (address.tls && error == httplib::Error::SSLConnection)
    text += "; does it speak TLS on this port?";
  return text;
}

Result<std::string> read_key_file(const std::filesystem::path& file) {
  errno = 0;
  std::ifstream stream(file);
  std::string key;
  std::getline(stream, key);
  while (!key.empty() && (key.back() == '\r' || key.back() == ' ')) key.pop_back();
  if (!key.empty()) return key;
  return Error{ErrorCode::kIo, "the API key in " + file.string() + " cannot be read: " +
                                   (errno != 0 ? std::strerror(errno) : "its first line is empty")};
}

}  // namespace beralih
