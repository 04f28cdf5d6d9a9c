#include "http/connection.h"

#include <unistd.h>

namespace beralih {

std::string_view OutputQueue::Piece::rest() const {
  const std::string_view all =
      shared.empty()
          ? std::string_view(own)
          : std::string_view(reinterpret_cast<const char*>(shared.data()), shared.size());
  return all.substr(sent);
}

void OutputQueue::append(std::string_view bytes) {
  if (bytes.empty()) return;
  if (pieces_.empty() || !pieces_.back().shared.empty()) pieces_.emplace_back();
  pieces_.back().own.append(bytes);
}

void OutputQueue::append(std::span<const uint8_t> bytes, std::shared_ptr<const void> owner) {
  if (bytes.empty()) return;
  Piece piece;
  piece.shared = bytes;
  piece.owner = std::move(owner);
  pieces_.push_back(std::move(piece));
}

IoResult::Kind OutputQueue::flush(Transport& transport) {
  while (!pieces_.empty()) {
    Piece& piece = pieces_.front();
    const std::string_view rest = piece.rest();
    const IoResult result = transport.write(rest.data(), rest.size());
    if (result.kind != IoResult::kDone) return result.kind;
    piece.sent += result.bytes;
    if (result.bytes == rest.size()) pieces_.pop_front();
  }
  return IoResult::kDone;
}

Connection::~Connection() {
  transport.reset();
  ::close(socket);
}

}  // namespace beralih
