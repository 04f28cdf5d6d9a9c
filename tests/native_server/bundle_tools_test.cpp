// What the bundle commands are made of.
#include <catch2/catch.hpp>
#include <random>

#include "bundle/contract_diff.h"
#include "bundle/contract_json.h"
#include "bundle/file_writer.h"
#include "bundle/hash_cache.h"
#include "bundle/program_archive.h"
#include "bundle/staged_directory.h"
#include "bundle/tar_header.h"
#include "test_bundle.h"

using namespace beralih_test;
namespace fs = std::filesystem;
using Catch::Contains;

TEST_CASE("any altered byte of contract.json and contract.sha256 is refused", "[bundle]") {
  const TestBundle bundle;
  std::mt19937 random(7);
  for (const char* name : {"contract.json", "contract.sha256"}) {
    const std::string whole = read_file(bundle.path() / name);
    for (size_t at = 0; at < whole.size(); ++at) {
      std::string altered = whole;
      altered[at] = static_cast<char>(altered[at] ^ (1u << random() % 8));
      write_file(bundle.path() / name, altered);
      if (beralih::read_contract(bundle.path())) FAIL(name << " at " << at);
    }
    write_file(bundle.path() / name, whole);
    CHECK(beralih::read_contract(bundle.path()));
  }
}

TEST_CASE("a contract written as JSON reads back as the same contract", "[bundle]") {
  for (const std::string_view name : beralih::preset_names()) {
    const TestBundle bundle;
    auto contract = beralih::read_contract(bundle.path())->contract;
    contract.preprocessing = *beralih::preset(name);
    contract.input.shape = beralih::output_shape(contract.preprocessing);
    contract.edge_agreement = {100, 99, 0.01, 0.05, "words with \"quotes\" and ü"};
    const std::string json = beralih::contract_json(contract);
    const auto back = beralih::parse_contract(json);
    INFO(json);
    REQUIRE(back);
    CHECK(back->preprocessing == contract.preprocessing);
    CHECK(beralih::preprocessing_text(*back) == beralih::preprocessing_text(contract));
    CHECK(beralih::contract_json(*back) == json);
    CHECK(beralih::diff_contracts(contract, *back).empty());
  }
}

TEST_CASE("float knobs are written as short as people write them", "[bundle]") {
  const TestBundle bundle;
  auto contract = beralih::read_contract(bundle.path())->contract;
  contract.preprocessing.image_mean = {122.782f, 117.001f, 0.485f};
  CHECK_THAT(beralih::contract_json(contract),
             Contains("\"image_mean\": [122.782, 117.001, 0.485]"));
}

TEST_CASE("a tar header says what it was given", "[tar]") {
  const std::string deep = std::string(120, 'd') + "/" + std::string(90, 'f');
  for (const auto& path : {std::string("labels.txt"), deep}) {
    const auto block = beralih::format_tar_header({path, 123456, beralih::kTarFile});
    REQUIRE(block);
    const auto back = beralih::parse_tar_header(*block);
    REQUIRE(back);
    CHECK(back->path == path);
    CHECK(back->bytes == 123456);
    for (const size_t at : {0, 110, 130, 156, 260}) {
      auto altered = *block;
      altered[at] ^= 1;
      CHECK_FALSE(beralih::parse_tar_header(altered));
    }
  }
  CHECK_FALSE(beralih::format_tar_header({std::string(200, 'x'), 1, beralih::kTarFile}));
  const int64_t nine_gb = 9'000'000'000;
  CHECK_FALSE(beralih::fits_tar_size(nine_gb));
  CHECK(beralih::format_pax_size(nine_gb) == "19 size=9000000000\n");
  CHECK(beralih::parse_pax_size("19 size=9000000000\n") == nine_gb);
  CHECK_FALSE(beralih::parse_pax_size("19 path=9000000000\n"));
  CHECK_FALSE(beralih::parse_pax_size("20 size=9000000000\n"));
  CHECK_FALSE(beralih::parse_pax_size(""));
}

TEST_CASE("the cache knows a state of a file and its hash, nothing else", "[bundle]") {
  const TestBundle directory;
  const beralih::HashCache cache(directory.path() / "cache");
  const beralih::FileIdentity file{1, 2, 3, 4, 5};
  const std::string hash(64, 'a');
  CHECK_FALSE(cache.knows(file, hash));
  cache.remember(file, hash);
  CHECK(cache.knows(file, hash));
  CHECK_FALSE(cache.knows(file, std::string(64, 'b')));
  for (const beralih::FileIdentity& other : {
           beralih::FileIdentity{9, 2, 3, 4, 5},
           {1, 9, 3, 4, 5},
           {1, 2, 9, 4, 5},
           {1, 2, 3, 9, 5},
           {1, 2, 3, 4, 9}
  })
    CHECK_FALSE(cache.knows(other, hash));
  const beralih::FileIdentity just_now{1, 3, 3, 4, int64_t{1} << 62};
  cache.remember(just_now, hash);
  CHECK_FALSE(cache.knows(just_now, hash));
}

TEST_CASE("a staged directory appears whole, and not at all without commit", "[bundle]") {
  const TestBundle place;
  const fs::path destination = place.path() / "new";
  {
    const auto staged = beralih::StagedDirectory::create(destination, false);
    REQUIRE(staged);
    REQUIRE(beralih::write_file((*staged)->path() / "contract.json", "{}"));
    CHECK_FALSE(fs::exists(destination));
  }
  CHECK_FALSE(fs::exists(destination));
  {
    const auto staged = beralih::StagedDirectory::create(destination, false);
    REQUIRE(beralih::write_file((*staged)->path() / "contract.json", "{}"));
    // Somebody else's work is not swept away.
    CHECK(beralih::StagedDirectory::create(destination, false));
    CHECK(fs::exists((*staged)->path()));
    CHECK((*staged)->commit());
  }
  CHECK(read_file(destination / "contract.json") == "{}");
  CHECK_FALSE(beralih::StagedDirectory::create(destination, false));
}

TEST_CASE("an altered zip archive is refused or reads within its bounds", "[bundle]") {
  // An archive with one stored entry, made by Python's zipfile, then altered at random.
  static constexpr unsigned char kZip[] = {
      'P',  'K',  3,   4,   20,  0,   0,    0,    0,    0,    0,  0, 33, 0, 0x86, 0xa6,
      0x10, 0x36, 5,   0,   0,   0,   5,    0,    0,    0,    3,  0, 0,  0, 'a',  '/',
      'b',  'h',  'e', 'l', 'l', 'o', 'P',  'K',  1,    2,    20, 3, 20, 0, 0,    0,
      0,    0,    0,   0,   33,  0,   0x86, 0xa6, 0x10, 0x36, 5,  0, 0,  0, 5,    0,
      0,    0,    3,   0,   0,   0,   0,    0,    0,    0,    0,  0, 0,  0, 0x80, 0x01,
      0,    0,    0,   0,   'a', '/', 'b',  'P',  'K',  5,    6,  0, 0,  0, 0,    1,
      0,    1,    0,   49,  0,   0,   0,    38,   0,    0,    0,  0, 0};
  const std::vector<uint8_t> whole(std::begin(kZip), std::end(kZip));
  const auto entries = beralih::read_archive(whole, "x.pt");
  if (!entries) FAIL(entries.error().message);
  REQUIRE(entries->size() == 1);
  CHECK(entries->front().name == "a/b");
  CHECK(entries->front().data.size() == 5);
  CHECK_THAT(beralih::check_program_archive(whole, "x.pt").error().message, Contains("a/b"));
  std::mt19937 random(3);
  for (int run = 0; run < 20'000; ++run) {
    std::vector<uint8_t> altered = whole;
    for (int i = 0; i < 3; ++i) altered[random() % altered.size()] = static_cast<uint8_t>(random());
    if (run % 3 == 0) altered.resize(random() % altered.size());
    const auto read = beralih::read_archive(altered, "x.pt");
    if (!read) continue;
    for (const auto& entry : *read) {
      const bool inside = entry.data.data() >= altered.data() &&
                          entry.data.data() + entry.data.size() <= altered.data() + altered.size();
      if (!inside) FAIL("run " << run);
    }
  }
}
