#include "engine/classifier.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>
#include <utility>

#include "beralih/sha256.h"
#include "bundle/golden_check.h"
#include "engine/guards.h"

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
  auto opened = open_bundle(directory, options.open);
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
  const double tolerance = allowed_difference(bundle_->contract().tolerance, engine().dtype);
  const GoldenOutcome outcome =
      compare_golden(golden, answer->tensor_sha256, answer->predictions, tolerance);
  if (!outcome.problem.empty()) return failed(outcome.problem);
  return Ok{};
}

}  // namespace beralih
