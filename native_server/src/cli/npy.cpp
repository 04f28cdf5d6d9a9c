#include "cli/npy.h"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace beralih {

std::string npy_header(const Tensor& tensor) {
  std::string shape;
  for (const int64_t extent : tensor.shape) shape += std::to_string(extent) + ", ";
  shape.resize(shape.size() - (tensor.shape.size() > 1 ? 2 : 1));  // a tuple of one keeps its comma
  const char* type = tensor.dtype() == DataType::kFloat32 ? "<f4" : "|u1";
  std::string dictionary =
      std::string("{'descr': '") + type + "', 'fortran_order': False, 'shape': (" + shape + "), }";

  constexpr size_t kPrefix = 10;  // magic, version, length
  constexpr size_t kAlignment = 64;
  const size_t unpadded = kPrefix + dictionary.size() + 1;
  dictionary.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  dictionary += '\n';

  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(dictionary.size() & 0xff);
  header += static_cast<char>(dictionary.size() >> 8);
  return header + dictionary;
}

Status write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  std::filesystem::path partial = path;
  partial += ".partial";
  const auto failed = [&] {
    const int code = errno;
    std::error_code ignored;
    std::filesystem::remove(partial, ignored);
    return Error{ErrorCode::kIo, path.string() + ": cannot write: " + std::strerror(code)};
  };
  std::ofstream file(partial, std::ios::binary | std::ios::trunc);
  const std::string header = npy_header(tensor);
  const auto bytes = tensor.bytes();
  file.write(header.data(), static_cast<std::streamsize>(header.size()));
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) return failed();
  std::error_code code;
  std::filesystem::rename(partial, path, code);
  if (code) {
    errno = code.value();
    return failed();
  }
  return Ok{};
}

}  // namespace beralih
