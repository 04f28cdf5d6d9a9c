#include "engine/classifier.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>
#include <utility>

#include "beralih/sha256.h"

namespace beralih {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::string hash_floats(const std::vector<float>& values) {
  return sha256_hex(
      {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(float)});
}

/// Counts a request from its arrival to its answer.
class InFlight {
 public:
  explicit InFlight(std::atomic<size_t>& count) : count_(count), position_(count.fetch_add(1)) {}
  ~InFlight() { count_.fetch_sub(1); }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  size_t others_before() const { return position_; }

 private:
  std::atomic<size_t>& count_;
  size_t position_;
};

}  // namespace

Classifier::Classifier(std::shared_ptr<const Bundle> bundle, std::unique_ptr<Scheduler> scheduler,
                       const ClassifierOptions& options)
    : bundle_(std::move(bundle)),
      scheduler_(std::move(scheduler)),
      options_(options),
      preprocessing_slots_(std::max(1u, std::thread::hardware_concurrency())) {}

Result<std::shared_ptr<Classifier>> Classifier::load(const std::filesystem::path& directory,
                                                     const MakeEngine& make_engine,
                                                     const ClassifierOptions& options) {
  StartRecord record;
  auto start = Clock::now();
  auto opened = open_bundle(directory);
  if (!opened) return opened.error();
  const auto bundle = std::make_shared<const Bundle>(*std::move(opened));
  record.bundle_ms = milliseconds_since(start);

  start = Clock::now();
  auto scheduler = Scheduler::start([bundle, &make_engine] { return make_engine(*bundle); },
                                    options.queue_capacity);
  if (!scheduler) return scheduler.error();
  std::shared_ptr<Classifier> classifier(new Classifier(bundle, *std::move(scheduler), options));
  record.engine_ms = milliseconds_since(start);

  const Contract& contract = bundle->contract();
  if (contract.golden.empty()) {
    return Error{ErrorCode::kInvalidBundle,
                 (directory / "contract.json").string() +
                     ": holds no golden case, so nothing shows that this server "
                     "reproduces the research result; add one"};
  }
  start = Clock::now();
  if (auto status = classifier->check_golden(contract.golden.front()); !status)
    return status.error();
  record.golden_ms = milliseconds_since(start);
  classifier->start_record_ = record;
  return classifier;
}

Result<Classification> Classifier::classify(std::span<const uint8_t> encoded, size_t k) {
  const auto start = Clock::now();
  // Refused before decoding: otherwise refusals would take the processor from the requests
  // accepted.
  const InFlight in_flight(in_flight_);
  if (in_flight.others_before() > options_.queue_capacity) {
    return Error{ErrorCode::kOverloaded,
                 "the queue is full: " + std::to_string(options_.queue_capacity) +
                     " requests are waiting; try again shortly"};
  }
  Classification out;
  Tensor tensor;
  {
    PreprocessingSlots::Slot slot(preprocessing_slots_);
    out.timings.queue_ms = milliseconds_since(start);
    PreprocessResult prepared;
    const auto status = preprocess_into(prepared, slot.workspace(), encoded,
                                        bundle_->contract().preprocessing, options_.max_pixels);
    if (!status) return status.error();
    out.format = prepared.header.format;
    out.image_size = prepared.oriented;
    out.timings.decode_ms = prepared.timings.decode_ms;
    out.timings.resize_ms = prepared.timings.resize_ms;
    out.timings.normalize_ms = prepared.timings.normalize_ms;
    tensor = std::move(prepared.tensor);
  }
  const auto hashing = Clock::now();
  out.image_bytes = encoded.size();
  out.image_sha256 = sha256_hex(encoded);
  out.tensor_datatype = datatype_name(tensor.dtype());
  out.tensor_shape = tensor.shape;
  out.tensor_sha256 = sha256_hex(tensor.bytes());
  out.timings.postprocess_ms = milliseconds_since(hashing);

  auto pending = scheduler_->submit(std::move(tensor));
  if (!pending) return pending.error();
  auto outcome = pending->get();
  if (!outcome) return outcome.error();

  const auto finishing = Clock::now();
  out.logits_sha256 = hash_floats(outcome->logits);
  const std::vector<double> probabilities = softmax(outcome->logits);
  out.predictions = top_k(probabilities, k);
  out.timings.postprocess_ms += milliseconds_since(finishing);
  out.timings.queue_ms += outcome->queue_ms;
  out.timings.inference_ms = outcome->inference_ms;
  out.timings.total_ms = milliseconds_since(start);
  if (!out.predictions.empty() && std::isnan(out.predictions.front().probability)) {
    return Error{ErrorCode::kInternal, "the network answered with NaN"};
  }
  return out;
}

Status Classifier::check_golden(const GoldenCase& golden) {
  const auto failed = [&](const std::string& what) {
    return Error{ErrorCode::kInvalidBundle, (bundle_->directory / golden.image).string() +
                                                ": golden case not reproduced: " + what};
  };
  const auto file = bundle_->files.find(golden.image);
  if (file == bundle_->files.end()) return failed("the image is not in the bundle");
  const auto answer = classify(file->second->bytes(), bundle_->labels.size());
  // A busy or ending server says nothing about the golden case.
  if (!answer && (answer.error().code == ErrorCode::kOverloaded ||
                  answer.error().code == ErrorCode::kUnavailable))
    return answer.error();
  if (!answer) return failed(answer.error().message);
  if (answer->tensor_sha256 != golden.tensor_sha256) {
    return failed("the tensor's SHA-256 is " + answer->tensor_sha256 + ", the contract says " +
                  golden.tensor_sha256 + "; this build preprocesses differently");
  }
  const Tolerance& tolerances = bundle_->contract().tolerance;
  const double tolerance = engine().dtype == "bf16" ? tolerances.bf16 : tolerances.fp32;
  for (const GoldenProbability& expected : golden.top5) {
    const auto found = std::find_if(answer->predictions.begin(), answer->predictions.end(),
                                    [&](const Prediction& p) { return p.index == expected.index; });
    if (found == answer->predictions.end())
      return failed("the network has no class " + std::to_string(expected.index));
    // Written so that a NaN fails.
    if (!(std::abs(found->probability - expected.probability) <= tolerance)) {
      return failed("class " + std::to_string(expected.index) + " has the probability " +
                    std::to_string(found->probability) + ", the contract says " +
                    std::to_string(expected.probability) + " within " + std::to_string(tolerance));
    }
  }
  // Two classes closer than twice the tolerance may change places.
  const bool clear_winner =
      golden.top5.size() < 2 ||
      golden.top5[0].probability - golden.top5[1].probability >= 2 * tolerance;
  if (clear_winner && !golden.top5.empty() &&
      answer->predictions.front().index != golden.top5.front().index) {
    return failed("the most probable class is " +
                  std::to_string(answer->predictions.front().index) + ", the contract says " +
                  std::to_string(golden.top5.front().index));
  }
  return Ok{};
}

}  // namespace beralih
