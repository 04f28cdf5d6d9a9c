#include "bundle/bundle.h"

#include <catch2/catch.hpp>

#include "test_bundle.h"

using namespace beralih_test;
using beralih::ErrorCode;
using Catch::Contains;

namespace {

beralih::Error refusal(const TestBundle& bundle) {
  const auto opened = beralih::open_bundle(bundle.path());
  REQUIRE_FALSE(opened);
  return opened.error();
}

}  // namespace

TEST_CASE("a whole bundle opens", "[bundle]") {
  const TestBundle bundle;
  const auto opened = beralih::open_bundle(bundle.path());
  REQUIRE(opened);
  CHECK(opened->labels == std::vector<std::string>{"zero", "one", "two"});
  CHECK(opened->identity.contract_hash.size() == 64);
  CHECK(opened->identity.json == read_file(bundle.path() / "contract.json"));
  REQUIRE(opened->file("weights") != nullptr);
  CHECK(opened->file("weights")->bytes().size() == 7);
  CHECK(opened->file("nothing") == nullptr);
}

TEST_CASE("one altered byte of any file is refused and the file is named", "[bundle]") {
  for (const std::string name :
       {"labels.txt", "architecture.pt", "weights.safetensors", "golden/red.png"}) {
    const TestBundle bundle;
    std::string bytes = read_file(bundle.path() / name);
    for (const size_t at : {size_t{0}, bytes.size() / 2, bytes.size() - 1}) {
      std::string altered = bytes;
      altered[at] = static_cast<char>(altered[at] ^ 1);
      write_file(bundle.path() / name, altered);
      const auto error = refusal(bundle);
      CHECK(error.code == ErrorCode::kInvalidBundle);
      CHECK_THAT(error.message, Contains(name) && Contains("altered"));
    }
  }
}

TEST_CASE("one altered byte of the contract is refused", "[bundle]") {
  const TestBundle bundle;
  std::string json = read_file(bundle.path() / "contract.json");
  json[json.find("tiny")] = 'T';
  write_file(bundle.path() / "contract.json", json);
  CHECK_THAT(refusal(bundle).message, Contains("contract.json") && Contains("altered"));
}

TEST_CASE("a missing file is refused and named", "[bundle]") {
  for (const std::string name :
       {"labels.txt", "weights.safetensors", "contract.json", "contract.sha256"}) {
    const TestBundle bundle;
    std::filesystem::remove(bundle.path() / name);
    CHECK_THAT(refusal(bundle).message, Contains(name));
  }
  const auto absent = beralih::open_bundle("/nonexistent/bundle");
  REQUIRE_FALSE(absent);
  CHECK_THAT(absent.error().message, Contains("/nonexistent/bundle") && Contains("--bundle"));
}

TEST_CASE("a truncated file is refused by its size", "[bundle]") {
  const TestBundle bundle;
  std::filesystem::resize_file(bundle.path() / "weights.safetensors", 3);
  CHECK_THAT(refusal(bundle).message, Contains("weights.safetensors") && Contains("3 bytes"));
}

TEST_CASE("paths that leave the bundle are refused", "[bundle]") {
  for (const std::string path : {"../labels.txt", "/etc/passwd", "golden/../../labels.txt", ""}) {
    TestBundle bundle;
    bundle.contract()["files"][0]["path"] = path;
    bundle.write_contract();
    const auto error = refusal(bundle);
    CHECK((error.code == ErrorCode::kInvalidBundle || error.code == ErrorCode::kInvalidContract));
  }
}

TEST_CASE("a symbolic link out of the bundle is refused, one inside is followed", "[bundle]") {
  const TestBundle outside;
  const TestBundle bundle;
  const auto labels = bundle.path() / "labels.txt";
  std::filesystem::remove(labels);
  std::filesystem::create_symlink(outside.path() / "labels.txt", labels);
  CHECK_THAT(refusal(bundle).message, Contains("labels.txt") && Contains("symbolic link"));

  std::filesystem::remove(labels);
  write_file(bundle.path() / "stored.txt", "zero\none\ntwo\n");
  std::filesystem::create_symlink("stored.txt", labels);
  CHECK(beralih::open_bundle(bundle.path()));
}

TEST_CASE("a bundle reached through a symbolic link opens", "[bundle]") {
  const TestBundle bundle;
  const TestBundle other;
  std::filesystem::create_directory_symlink(bundle.path(), other.path() / "link");
  CHECK(beralih::open_bundle(other.path() / "link"));
}

TEST_CASE("the number of labels is the number of classes", "[bundle]") {
  TestBundle bundle;
  bundle.add_file("labels", "labels.txt", "zero\none\n");
  bundle.write_contract();
  CHECK_THAT(refusal(bundle).message, Contains("2 labels") && Contains("3 classes"));
  bundle.add_file("labels", "labels.txt", "zero\n\ntwo\n");
  bundle.write_contract();
  CHECK_THAT(refusal(bundle).message, Contains("line 2 is empty"));
}

TEST_CASE("a directory in place of a file is refused", "[bundle]") {
  const TestBundle bundle;
  std::filesystem::remove(bundle.path() / "weights.safetensors");
  std::filesystem::create_directory(bundle.path() / "weights.safetensors");
  CHECK_THAT(refusal(bundle).message,
             Contains("weights.safetensors") && Contains("not a regular file"));
}
