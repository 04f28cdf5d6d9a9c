// Bytes in memory as an input stream, without copying them.
#pragma once

#include <cstdint>
#include <istream>
#include <span>
#include <streambuf>

namespace beralih {

class MemoryBuffer : public std::streambuf {
 public:
  explicit MemoryBuffer(std::span<const uint8_t> bytes) {
    // streambuf knows no const; nothing writes to a get area.
    char* begin = const_cast<char*>(reinterpret_cast<const char*>(bytes.data()));
    setg(begin, begin, begin + bytes.size());
  }

 protected:
  pos_type seekoff(off_type offset, std::ios_base::seekdir from, std::ios_base::openmode) override {
    const off_type base = from == std::ios_base::beg   ? 0
                          : from == std::ios_base::cur ? gptr() - eback()
                                                       : egptr() - eback();
    const off_type target = base + offset;
    if (target < 0 || target > egptr() - eback()) return pos_type(off_type(-1));
    setg(eback(), eback() + target, egptr());
    return pos_type(target);
  }
  pos_type seekpos(pos_type position, std::ios_base::openmode mode) override {
    return seekoff(off_type(position), std::ios_base::beg, mode);
  }
};

/// The bytes must outlive it.
class MemoryStream : private MemoryBuffer, public std::istream {
 public:
  explicit MemoryStream(std::span<const uint8_t> bytes)
      : MemoryBuffer(bytes), std::istream(static_cast<std::streambuf*>(this)) {}
};

}  // namespace beralih
