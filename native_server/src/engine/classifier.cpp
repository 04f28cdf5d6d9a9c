#include "engine/classifier.h"

#include <chrono>
#include <cmath>
#include <future>
#include <thread>
#include <utility>

#include "beralih/sha256.h"
#include "bundle/golden_check.h"
#include "engine/example_input.h"

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

/// Between acceptance and preprocessing: work that nobody waits for is not begun.
std::optional<Error> not_worth_it(const RequestTerms& terms) {
  if (terms.cancelled && terms.cancelled())
    return Error{ErrorCode::kCancelled, "whoever asked has gone; the image was not decoded"};
  if (terms.deadline <= Clock::now()) {
    return Error{ErrorCode::kDeadlineExceeded,
                 "the deadline passed before the image was decoded; try again, or allow more time"};
  }
  return std::nullopt;
}

}  // namespace

Classifier::Classifier(std::shared_ptr<const Bundle> bundle, std::unique_ptr<Scheduler> scheduler,
                       const ClassifierOptions& options)
    : bundle_(std::move(bundle)),
      scheduler_(std::move(scheduler)),
      options_(options),
      workers_(options.preprocess_threads > 0 ? options.preprocess_threads
                                              : std::thread::hardware_concurrency()) {}

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
  SchedulerOptions scheduling;
  scheduling.queue_capacity = options.queue_capacity;
  scheduling.max_batch = options.max_batch;
  scheduling.batch_delay = options.batch_delay;
  scheduling.fixed_shape = options.deterministic;
  scheduling.example = example_input(bundle->contract());
  scheduling.metrics = options.metrics;
  auto scheduler = Scheduler::start([bundle, &make_engine] { return make_engine(*bundle); },
                                    std::move(scheduling));
  if (!scheduler) return scheduler.error();
  std::shared_ptr<Classifier> classifier(new Classifier(bundle, *std::move(scheduler), options));
  record.engine_ms = milliseconds_since(start);

  if (!options.check_golden) {
    classifier->start_record_ = record;
    return classifier;
  }
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

RequestTerms Classifier::terms_of(const RequestOptions& options) const {
  RequestTerms terms{kNoDeadline, options.priority, options.cancelled};
  if (options.deadline) {
    terms.deadline = *options.deadline;
  } else if (options_.default_deadline.count() > 0) {
    terms.deadline = Clock::now() + options_.default_deadline;
  }
  return terms;
}

Status Classifier::prepare_tensor(Prepared& out, std::span<const uint8_t> encoded) const {
  thread_local Workspace workspace;  // the worker's own: what the picture before it left
  const PreprocessSpec& spec = bundle_->contract().preprocessing;
  PreprocessSpec engine_spec = spec;
  const bool as_pixels = engine().takes_pixels;
  if (as_pixels) {
    engine_spec.dtype = DataType::kUint8;
    engine_spec.layout = Layout::kNhwc;
  }
  const auto status =
      preprocess_into(out.result, workspace, encoded, engine_spec, options_.max_pixels);
  if (!status) return status.error();
  Tensor& tensor = out.result.tensor;
  thread_local Tensor normalized;
  if (as_pixels) {
    // The engine normalises for itself; the contract's tensor is made for its hash alone.
    const auto begun = Clock::now();
    PreprocessSpec ordered = spec;
    ordered.channel_order = ChannelOrder::kRgb;  // the pixels already have the contract's order
    auto& pixels = std::get<std::vector<uint8_t>>(tensor.data);
    Image image{static_cast<int>(tensor.shape[2]), static_cast<int>(tensor.shape[1]),
                std::move(pixels)};
    normalize_into(normalized, image, ordered);
    pixels = std::move(image.pixels);
    out.result.timings.normalize_ms += milliseconds_since(begun);
  }
  const Tensor& contracts = as_pixels ? normalized : tensor;
  const auto hashing = Clock::now();
  out.image_sha256 = sha256_hex(encoded);
  out.tensor_sha256 = sha256_hex(contracts.bytes());
  out.tensor_datatype = datatype_name(contracts.dtype());
  out.tensor_shape = contracts.shape;
  out.hash_ms = milliseconds_since(hashing);
  return Ok{};
}

Result<Classifier::Prepared> Classifier::prepare(std::span<const uint8_t> encoded,
                                                 const RequestTerms& terms,
                                                 const ObservedItem& observed) {
  const auto posted = Clock::now();
  const auto work = [&]() -> Result<Prepared> {
    if (const auto reason = not_worth_it(terms)) return *reason;
    Prepared out;
    out.wait_ms = milliseconds_since(posted);
    if (auto status = prepare_tensor(out, encoded); !status) return status.error();
    if (observed.observer)
      observed.observer->preprocessed(observed.index, out.result, out.tensor_sha256);
    return out;
  };
  std::packaged_task<Result<Prepared>()> task(work);
  auto done = task.get_future();
  workers_.post(terms.priority, [&task] { task(); });
  auto prepared = done.get();
  if (prepared) scheduler_->record_preparation(milliseconds_since(posted));
  return prepared;
}

Result<Classification> Classifier::classify(std::span<const uint8_t> encoded, size_t k,
                                            const RequestOptions& options) {
  const RequestTerms terms = terms_of(options);
  auto begun = begin(encoded, terms, {options.observer, 0});
  if (!begun) return begun.error();
  return finish(*std::move(begun), k, terms);
}

Result<Classifier::Begun> Classifier::begin(std::span<const uint8_t> encoded,
                                            const RequestTerms& terms,
                                            const ObservedItem& observed) {
  Begun begun;
  begun.start = Clock::now();
  // Refused before decoding: otherwise refusals would take the processor from the requests
  // accepted.
  auto places = scheduler_->admit(1, terms);
  if (!places) return places.error();
  if (observed.observer) observed.observer->accepted(1, scheduler_->in_progress() - 1);
  auto prepared = prepare(encoded, terms, observed);
  if (!prepared) return prepared.error();

  Classification& out = begun.classification;
  Tensor& tensor = prepared->result.tensor;
  out.format = prepared->result.header.format;
  out.image_size = prepared->result.oriented;
  out.image_bytes = encoded.size();
  out.image_sha256 = std::move(prepared->image_sha256);
  out.tensor_datatype = prepared->tensor_datatype;
  out.tensor_shape = std::move(prepared->tensor_shape);
  out.tensor_sha256 = std::move(prepared->tensor_sha256);
  out.timings.decode_ms = prepared->result.timings.decode_ms;
  out.timings.resize_ms = prepared->result.timings.resize_ms;
  out.timings.normalize_ms = prepared->result.timings.normalize_ms;
  out.timings.postprocess_ms = prepared->hash_ms;
  out.timings.queue_ms = prepared->wait_ms;
  begun.answer = scheduler_->submit(std::move(places->front()), std::move(tensor), observed);
  return begun;
}

Result<Classification> Classifier::finish(Begun begun, size_t k, const RequestTerms& terms) {
  auto outcome = scheduler_->wait(begun.answer, terms.deadline);
  if (!outcome) return outcome.error();

  Classification out = std::move(begun.classification);
  const auto finishing = Clock::now();
  out.logits_sha256 = hash_floats(outcome->logits);
  const std::vector<double> probabilities = softmax(outcome->logits);
  out.predictions = top_k(probabilities, k);
  out.timings.postprocess_ms += milliseconds_since(finishing);
  out.timings.queue_ms += outcome->queue_ms;
  out.timings.inference_ms = outcome->inference_ms;
  out.batch_size = outcome->batch_size;
  out.batch_rows = outcome->batch_rows;
  out.timings.total_ms = milliseconds_since(begun.start);
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
  // Without a deadline: a slow machine is not a wrong one.
  auto begun = begin(file->second->bytes(), RequestTerms{}, {});
  const auto answer = begun ? finish(*std::move(begun), bundle_->labels.size(), RequestTerms{})
                            : Result<Classification>(begun.error());
  // A busy or ending server says nothing about the golden case.
  if (!answer && (answer.error().code == ErrorCode::kOverloaded ||
                  answer.error().code == ErrorCode::kUnavailable))
    return answer.error();
  if (!answer) return failed(answer.error().message);
  const double tolerance = allowed_difference(bundle_->contract().tolerance, engine().dtype);
  GoldenCase expected = golden;
  if (!engine().predicts) expected.top5.clear();  // only the tensor can come out
  const GoldenOutcome outcome =
      compare_golden(expected, answer->tensor_sha256, answer->predictions, tolerance);
  if (!outcome.problem.empty()) return failed(outcome.problem);
  return Ok{};
}

}  // namespace beralih
