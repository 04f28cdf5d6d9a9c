#include "bundle/inflate.h"

#include <zlib.h>

#include <limits>

namespace beralih {

Result<std::string> inflate_raw(std::span<const uint8_t> data, uint64_t size) {
  const Error broken{ErrorCode::kInvalidBundle, "broken compressed data"};
  constexpr uint64_t kMost = std::numeric_limits<uInt>::max();
  if (size > kMost || data.size() > kMost) return broken;
  std::string out(size, '\0');
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return broken;
  stream.next_in = const_cast<Bytef*>(data.data());
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(size);
  const int end = inflate(&stream, Z_FINISH);
  const bool whole = end == Z_STREAM_END && stream.total_out == size;
  inflateEnd(&stream);
  if (!whole) return broken;
  return out;
}

}  // namespace beralih
