// Every file of the corpora and every input that once failed, without libFuzzer: BERALIH_FUZZ_DIR
// holds corpus/TARGET and regressions/TARGET.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz/targets.h"

using namespace beralih;

namespace {

std::vector<uint8_t> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <typename Target>
size_t replay(const std::string& folder, Target target) {
  size_t files = 0;
  const std::filesystem::path root = std::filesystem::path(BERALIH_FUZZ_DIR) / folder;
  if (!std::filesystem::exists(root)) return 0;
  for (const auto& file : std::filesystem::directory_iterator(root)) {
    CAPTURE(file.path().filename().string());
    CHECK(target(read_file(file.path())) == "");
    ++files;
  }
  return files;
}

template <typename Target>
void replay_all(const std::string& name, Target target) {
  CHECK(target({}) == "");
  CHECK(replay("corpus/" + name, target) >= 10);
  replay("regressions/" + name, target);
}

}  // namespace

TEST_CASE("replay: decode") { replay_all("decode", fuzz::decode); }
TEST_CASE("replay: contract") { replay_all("contract", fuzz::contract); }
TEST_CASE("replay: pipeline") { replay_all("pipeline", fuzz::pipeline); }
TEST_CASE("replay: safetensors") { replay_all("safetensors", fuzz::safetensors); }
