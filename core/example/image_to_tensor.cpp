// image_to_tensor FILE: what a classifier sees of an image.
#include <beralih/preprocess.h>
#include <beralih/sha256.h>

#include <fstream>
#include <iostream>
#include <iterator>

int main(int count, char** arguments) {
  if (count != 2) return std::cerr << "usage: image_to_tensor FILE\n", 2;
  std::ifstream file(arguments[1], std::ios::binary);
  const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};

  const auto spec = beralih::preset("dlib:resnet34");
  if (!spec) return std::cerr << spec.error().message << '\n', 1;
  const auto result = beralih::preprocess(bytes, *spec);
  if (!result) return std::cerr << result.error().message << '\n', 1;

  for (const int64_t extent : result->tensor.shape) std::cout << extent << ' ';
  std::cout << beralih::sha256_hex(result->tensor.bytes()) << '\n';
}
