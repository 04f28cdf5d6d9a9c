// The whole pipeline for one bundle: encoded bytes → tensor → scheduler → probabilities → top k.
// A place in the scheduler's queue is taken first, so that a refusal costs nothing; preprocessing
// runs on workers, the network on the inference thread, and the caller's thread waits.
// The server and `beralih predict` both call this, so that they cannot differ.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "beralih/image.h"
#include "beralih/prediction.h"
#include "beralih/preprocess.h"
#include "beralih/result.h"
#include "bundle/bundle.h"
#include "engine/inference_engine.h"
#include "engine/request_options.h"
#include "scheduling/scheduler.h"
#include "scheduling/worker_pool.h"

namespace beralih {

struct StageTimings {
  double decode_ms = 0;
  double resize_ms = 0;
  double normalize_ms = 0;
  double queue_ms = 0;  ///< waiting for a preprocessing slot and for the engine
  double inference_ms = 0;
  double postprocess_ms = 0;  ///< softmax, top k and the hashes
  double total_ms = 0;

  /// Of several images: the sum, but of the total, which is the caller's to measure.
  void add_stages(const StageTimings& other) {
    decode_ms += other.decode_ms;
    resize_ms += other.resize_ms;
    normalize_ms += other.normalize_ms;
    queue_ms += other.queue_ms;
    inference_ms += other.inference_ms;
    postprocess_ms += other.postprocess_ms;
  }
};

struct Classification {
  ImageFormat format = ImageFormat::kUnknown;
  Size image_size;  ///< after orientation, as a person sees it
  size_t image_bytes = 0;
  std::string image_sha256;
  std::string tensor_datatype;
  std::vector<int64_t> tensor_shape;
  std::string tensor_sha256;
  std::string logits_sha256;
  size_t batch_size = 0;                ///< requests that the network answered together
  size_t batch_rows = 0;                ///< the same with padding: its shape decides the last bits
  std::vector<Prediction> predictions;  ///< most probable first
  StageTimings timings;
};

/// One image of a batch: a tensor as the contract describes it, or an encoded image.
using BatchItem = std::variant<Tensor, std::span<const uint8_t>>;

struct BatchOutcome {
  std::vector<std::vector<float>> logits;  ///< one row per item, in order
  StageTimings timings;                    ///< sums over the items; total is the batch's
};

struct ClassifierOptions {
  size_t queue_capacity = 32;  ///< requests that may be prepared or wait beside those that run
  int64_t max_pixels = kDefaultMaxPixels;
  size_t max_batch = 1;                      ///< requests that the network answers together
  std::chrono::microseconds batch_delay{0};  ///< how long a request waits for company
  bool deterministic = false;                ///< every batch has max_batch rows
  /// Of a request that names none; zero: none.
  std::chrono::milliseconds default_deadline{0};
  size_t preprocess_threads = 0;              ///< 0: one per core
  std::shared_ptr<SchedulerMetrics> metrics;  ///< nullptr: the classifier's own
  OpenOptions open;                           ///< how the bundle's files are checked
  bool check_golden = true;                   ///< load() reproduces a golden case
};

/// What a start consisted of, in milliseconds.
struct StartRecord {
  double bundle_ms = 0;  ///< hashing the files and reading the contract
  double engine_ms = 0;  ///< loading, attaching, warming
  double golden_ms = 0;  ///< one golden case
};

class Classifier {
 public:
  using MakeEngine = std::function<Result<std::unique_ptr<InferenceEngine>>(const Bundle&)>;

  /// Opens and checks the bundle, loads and warms the engine and reproduces the first golden case:
  /// what it returns is ready. Errors: those of open_bundle() and of the engine.
  static Result<std::shared_ptr<Classifier>> load(const std::filesystem::path& directory,
                                                  const MakeEngine& make_engine,
                                                  const ClassifierOptions& options);

  /// Thread-safe; waits for the answer. Errors: those of preprocess() and of Scheduler::admit(),
  /// which come before any work is done; kDeadlineExceeded, kCancelled.
  Result<Classification> classify(std::span<const uint8_t> encoded, size_t k,
                                  const RequestOptions& options = {});

  /// The same for several images, each with its own answer or error. They share batches with
  /// others, and one of them is refused for lack of places only while none of the others is under
  /// way.
  std::vector<Result<Classification>> classify_all(
      std::span<const std::span<const uint8_t>> encoded, size_t k, const RequestOptions& options);

  /// Thread-safe; waits for the answers. A batch never takes more than half the queue at once, and
  /// is refused only at its beginning. Errors: those of classify(); the message names the image
  /// that failed.
  Result<BatchOutcome> infer(std::vector<BatchItem> items, const RequestOptions& options);

  /// Whether a golden case comes out as the contract says. Errors: kInvalidBundle; kOverloaded and
  /// kUnavailable where the case could not be tried.
  Status check_golden(const GoldenCase& golden);

  /// Answers everything accepted, then refuses.
  void shutdown() { scheduler_->shutdown(); }

  /// Warms the larger batches in the background; each is used once it is warm.
  void begin_warming() { scheduler_->begin_warming(); }

  const Scheduler& scheduler() const { return *scheduler_; }
  const Bundle& bundle() const { return *bundle_; }
  const EngineMetadata& engine() const { return scheduler_->metadata(); }
  const StartRecord& start_record() const { return start_record_; }

 private:
  Classifier(std::shared_ptr<const Bundle> bundle, std::unique_ptr<Scheduler> scheduler,
             const ClassifierOptions& options);

  struct Prepared {
    PreprocessResult result;  ///< its tensor as the engine takes it
    std::string image_sha256;
    std::string tensor_sha256;  ///< of the contract's tensor, as the two that follow
    std::string_view tensor_datatype;
    std::vector<int64_t> tensor_shape;
    double hash_ms = 0;
    double wait_ms = 0;  ///< for a worker
  };

  struct Begun {
    Classification classification;  ///< as far as it is known before the network has run
    InferenceAnswer answer;
    std::chrono::steady_clock::time_point start;
  };

  RequestTerms terms_of(const RequestOptions& options) const;
  Status prepare_tensor(Prepared& out, std::span<const uint8_t> encoded) const;
  /// Runs on a worker and waits for it.
  Result<Prepared> prepare(std::span<const uint8_t> encoded, const RequestTerms& terms,
                           const ObservedItem& observed);
  /// Until it waits for the network; then finish() waits for its answer.
  Result<Begun> begin(std::span<const uint8_t> encoded, const RequestTerms& terms,
                      const ObservedItem& observed);
  Result<Classification> finish(Begun begun, size_t k, const RequestTerms& terms);
  Status prepare_item(BatchItem& item, const RequestTerms& terms, const ObservedItem& observed,
                      StageTimings& timings);

  std::shared_ptr<const Bundle> bundle_;
  std::unique_ptr<Scheduler> scheduler_;
  ClassifierOptions options_;
  WorkerPool workers_;
  StartRecord start_record_;
};

}  // namespace beralih
