// A small but whole bundle in a temporary directory, with a fake engine that fits it.
#pragma once

#include <filesystem>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "bundle/bundle.h"
#include "engine/inference_engine.h"

namespace beralih_test {

using Json = nlohmann::ordered_json;

/// 3 classes, 4 x 4 input, one golden case. Removed with the object.
class TestBundle {
 public:
  TestBundle();
  ~TestBundle();
  TestBundle(const TestBundle&) = delete;
  TestBundle& operator=(const TestBundle&) = delete;

  const std::filesystem::path& path() const { return directory_; }
  Json& contract() { return contract_; }

  /// Writes a file and lists it, or renews its entry, under `role`.
  void add_file(const std::string& role, const std::string& name, const std::string& bytes);
  /// Writes contract.json and contract.sha256 as contract() stands.
  void write_contract() const;

 private:
  std::filesystem::path directory_;
  Json contract_;
};

void write_file(const std::filesystem::path& path, const std::string& bytes);
std::string read_file(const std::filesystem::path& path);

/// A 4 x 4 red PNG.
std::string red_png();

/// Answers the logits (0, 1, 2) whatever it is given.
class FakeEngine : public beralih::InferenceEngine {
 public:
  FakeEngine();
  const beralih::EngineMetadata& metadata() const override { return metadata_; }
  beralih::Result<std::vector<std::vector<float>>> infer(
      std::span<const beralih::Tensor> batch) override;
  void set_forward_ms(double milliseconds) { metadata_.load.forward_ms = milliseconds; }

 private:
  beralih::EngineMetadata metadata_;
};

/// From its second call on it waits for `open`; the second call first fulfils `entered`, which must
/// outlive it.
class SlowEngine : public FakeEngine {
 public:
  SlowEngine(std::promise<void>& entered, std::shared_future<void> open)
      : entered_(entered), open_(std::move(open)) {}
  beralih::Result<std::vector<std::vector<float>>> infer(
      std::span<const beralih::Tensor> batch) override {
    if (++calls_ == 2) entered_.set_value();
    if (calls_ >= 2) open_.wait();
    return FakeEngine::infer(batch);
  }

 private:
  std::promise<void>& entered_;
  std::shared_future<void> open_;
  int calls_ = 0;
};

}  // namespace beralih_test
