#include "test_bundle.h"

#include <stdlib.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "beralih/sha256.h"

namespace beralih_test {
namespace {

namespace fs = std::filesystem;

// SHA-256 of 16 float32 of 255 and 32 of 0, computed with Python's struct and hashlib.
constexpr char kRedTensorSha256[] =
    "532a0b743ce35961aeaa5ba79899dbb3c4eead4e87009a42a6d83c461ed05565";

// softmax(0, 1, 2)
constexpr double kGoldenProbabilities[] = {0.09003057317038046, 0.24472847105479767,
                                           0.6652409557748219};

}  // namespace

void write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string red_png() {
  static constexpr unsigned char kBytes[] = {
      0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44,
      0x52, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x04, 0x08, 0x02, 0x00, 0x00, 0x00, 0x26,
      0x93, 0x09, 0x29, 0x00, 0x00, 0x00, 0x10, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0xf8,
      0xcf, 0xc0, 0x00, 0x47, 0x0c, 0xc4, 0x71, 0x00, 0xae, 0x93, 0x0f, 0xf1, 0xd0, 0x5f, 0x23,
      0x9e, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
  return {std::begin(kBytes), std::end(kBytes)};
}

TestBundle::TestBundle() {
  std::string name = (fs::temp_directory_path() / "beralih-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    throw std::runtime_error("cannot make a temporary directory");
  directory_ = name;
  contract_ = Json::parse(R"({
    "schema": "beralih.contract/1", "name": "tiny", "version": "1.0.0", "description": "For tests.",
    "preprocessing": {
      "preset": "", "exif": "transpose", "gray16": "high_byte", "center_crop": [4, 4], "pad_value": [0, 0, 0],
      "channel_order": "RGB", "layout": "NCHW", "dtype": "float32", "value_range": "0..255",
      "image_mean": [0, 0, 0], "image_std": [1, 1, 1]},
    "input": {"name": "input", "datatype": "FP32", "shape": [-1, 3, 4, 4]},
    "output": {"name": "logits", "datatype": "FP32", "shape": [-1, 3]},
    "files": [],
    "golden": [{"image": "golden/red.png", "tensor_sha256": "", "top5": []}],
    "tolerance": {"fp32": 1e-4, "bf16": 0.03},
    "provenance": {"source": "", "license": "CC0-1.0", "parent": "", "recipe": "", "note": ""}
  })");
  contract_["golden"][0]["tensor_sha256"] = kRedTensorSha256;
  for (const int index : {2, 1, 0}) {
    contract_["golden"][0]["top5"].push_back({
        {"index",       index                      },
        {"probability", kGoldenProbabilities[index]}
    });
  }
  add_file("labels", "labels.txt", "zero\none\ntwo\n");
  add_file("architecture", "architecture.pt", "program");
  add_file("weights", "weights.safetensors", "weights");
  add_file("golden_image", "golden/red.png", red_png());
  write_contract();
}

TestBundle::~TestBundle() {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

void TestBundle::add_file(const std::string& role, const std::string& name,
                          const std::string& bytes) {
  const fs::path path = directory_ / name;
  fs::create_directories(path.parent_path());
  write_file(path, bytes);
  const Json entry{
      {"role",   role                      },
      {"path",   name                      },
      {"bytes",  bytes.size()              },
      {"sha256", beralih::sha256_hex(bytes)}
  };
  for (Json& file : contract_["files"]) {
    if (file["path"] == name) {
      file = entry;
      return;
    }
  }
  contract_["files"].push_back(entry);
}

void TestBundle::write_contract() const {
  const std::string text = contract_.dump(2) + "\n";
  write_file(directory_ / "contract.json", text);
  write_file(directory_ / "contract.sha256", beralih::sha256_hex(text) + "\n");
}

FakeEngine::FakeEngine() {
  metadata_.device = "fake";
  metadata_.dtype = "fp32";
}

beralih::Result<std::vector<std::vector<float>>> FakeEngine::infer(
    std::span<const beralih::Tensor> batch) {
  return std::vector<std::vector<float>>(batch.size(), {0.0f, 1.0f, 2.0f});
}

}  // namespace beralih_test
