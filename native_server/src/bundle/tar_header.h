// One header block of a POSIX tar (IEEE Std 1003.1, "pax").
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace beralih {

inline constexpr size_t kTarBlock = 512;
using TarBlock = std::array<uint8_t, kTarBlock>;

inline constexpr char kTarFile = '0';
inline constexpr char kTarPax = 'x';  ///< records for the next entry

struct TarHeader {
  std::string path;
  int64_t bytes = 0;
  char type = kTarFile;
};

/// Mode 0644, owner 0, time 0. Sizes that do not fit are left 0: a pax record holds them. Empty
/// where the path is too long for ustar (255 bytes, fewer where no '/' stands at the right place).
std::optional<TarBlock> format_tar_header(const TarHeader& header);

/// Empty where the block is no ustar header with a right checksum.
std::optional<TarHeader> parse_tar_header(const TarBlock& block);

/// Whether the header's 11 octal digits can hold it.
bool fits_tar_size(int64_t bytes);

/// "LENGTH size=N\n", and back; nullopt for anything else.
std::string format_pax_size(int64_t bytes);
std::optional<int64_t> parse_pax_size(std::string_view records);

/// Bytes that fill up the last block.
inline int64_t tar_padding(int64_t bytes) {
  constexpr auto kBlock = static_cast<int64_t>(kTarBlock);
  return (kBlock - bytes % kBlock) % kBlock;
}

}  // namespace beralih
