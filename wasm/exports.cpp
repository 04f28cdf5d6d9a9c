// The core's C exports for JavaScript. index.mjs is the only caller and gives them types.
//
// Ownership. An export that ends in _open, _copy, _run or _of makes an object that the caller must
// hand to the matching _free. Everything that a getter returns (Text, bytes, a borrowed
// PreprocessSpec) belongs to the object that it was asked of and lives as long. Input buffers
// belong to the caller (malloc, free) and are not kept.
//
// Errors. An export that can fail returns NULL (or false) then; beralih_error_code and
// beralih_error_message say why, until the next export fails.
#include <emscripten.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "beralih/contract.h"
#include "beralih/prediction.h"
#include "beralih/preprocess.h"
#include "beralih/resize_kernels.h"
#include "beralih/sha256.h"

#define BERALIH_EXPORT extern "C" EMSCRIPTEN_KEEPALIVE

namespace {

using beralih::Error;
using beralih::ErrorCode;
using Text = std::string;

struct OpenContract {
  Text name;
  beralih::PreprocessSpec spec;
  Text preprocessing_text;
  Text preprocessing_hash;
};

struct Run {
  Text format;
  beralih::PreprocessResult result;
  beralih::Image cropped;
  Text pixels_sha256;
  Text crop_sha256;
  Text tensor_sha256;
  Text dtype;
};

/// More pixels than this have no room in a 32-bit address space, and their size in bytes would
/// overflow.
constexpr int64_t kMostPixels = (int64_t{1} << 31) / beralih::Image::kChannels;

struct LastError {
  Text code;
  Text message;
};

LastError& last_error() {
  static LastError error;
  return error;
}

std::nullptr_t fail(const Error& error) {
  last_error() = {Text(error_code_name(error.code)), error.message};
  return nullptr;
}

/// Calls `make`; memory that ran out becomes an error, and the module stays usable.
template <typename F>
auto guarded(F make, ErrorCode code, const char* message) -> decltype(make()) {
  try {
    return make();
  } catch (
      const std::exception&) {  // bad_alloc, or length_error for a size beyond the address space
    fail({code, message});
    return {};
  }
}

template <typename F>
auto guarded(F make) {
  return guarded(make, ErrorCode::kInternal,
                 "there is not enough memory; close other pages and try again");
}

beralih::PreprocessSpec* own(beralih::Result<beralih::PreprocessSpec> spec) {
  if (!spec) return fail(spec.error());
  return new beralih::PreprocessSpec(*std::move(spec));
}

}  // namespace

// --- texts and errors
// ----------------------------------------------------------------------------------------------

BERALIH_EXPORT const char* beralih_text_data(const Text* text) {
  return text->data();
}  // UTF-8, without a NUL
BERALIH_EXPORT size_t beralih_text_size(const Text* text) { return text->size(); }
BERALIH_EXPORT void beralih_text_free(Text* text) { delete text; }

BERALIH_EXPORT const Text* beralih_error_code() { return &last_error().code; }
BERALIH_EXPORT const Text* beralih_error_message() { return &last_error().message; }

// --- about this build
// ----------------------------------------------------------------------------------------------

BERALIH_EXPORT Text* beralih_version_copy() { return new Text(BERALIH_VERSION); }

BERALIH_EXPORT bool beralih_simd() { return beralih::resize_kernel_names().front() != "scalar"; }

// --- contract and knobs
// --------------------------------------------------------------------------------------------

BERALIH_EXPORT OpenContract* beralih_contract_open(const char* json, size_t size) {
  return guarded([&]() -> OpenContract* {
    auto contract = beralih::parse_contract({json, size});
    if (!contract) return fail(contract.error());
    return new OpenContract{contract->name, contract->preprocessing, preprocessing_text(*contract),
                            preprocessing_hash(*contract)};
  });
}
BERALIH_EXPORT void beralih_contract_free(OpenContract* contract) { delete contract; }

BERALIH_EXPORT const Text* beralih_contract_name(const OpenContract* contract) {
  return &contract->name;
}
BERALIH_EXPORT const Text* beralih_contract_text(const OpenContract* contract) {
  return &contract->preprocessing_text;
}
BERALIH_EXPORT const Text* beralih_contract_hash(const OpenContract* contract) {
  return &contract->preprocessing_hash;
}
BERALIH_EXPORT const beralih::PreprocessSpec* beralih_contract_spec(const OpenContract* contract) {
  return &contract->spec;
}

BERALIH_EXPORT beralih::PreprocessSpec* beralih_spec_open(const char* json, size_t size) {
  return guarded([&] { return own(beralih::parse_preprocess_spec({json, size})); });
}
BERALIH_EXPORT beralih::PreprocessSpec* beralih_preset_open(const char* name, size_t size) {
  return guarded([&] { return own(beralih::preset({name, size})); });
}
BERALIH_EXPORT beralih::PreprocessSpec* beralih_spec_copy(const beralih::PreprocessSpec* spec) {
  return guarded([&] { return own(*spec); });
}
BERALIH_EXPORT bool beralih_spec_set(beralih::PreprocessSpec* spec, const char* knob,
                                     size_t knob_size, const char* value, size_t value_size) {
  return guarded([&] {
    const auto set = set_knob(*spec, {knob, knob_size}, {value, value_size});
    if (!set) fail(set.error());
    return static_cast<bool>(set);
  });
}
BERALIH_EXPORT bool beralih_spec_validate(const beralih::PreprocessSpec* spec) {
  const auto valid = validate(*spec);
  if (!valid) fail(valid.error());
  return static_cast<bool>(valid);
}
BERALIH_EXPORT void beralih_spec_free(beralih::PreprocessSpec* spec) { delete spec; }

/// What differs between two preprocessing texts; NULL where nothing does.
BERALIH_EXPORT beralih::FieldDifference* beralih_difference_of(const char* ours, size_t ours_size,
                                                               const char* theirs,
                                                               size_t theirs_size) {
  auto difference = beralih::compare_preprocessing({ours, ours_size}, {theirs, theirs_size});
  return difference ? new beralih::FieldDifference(*std::move(difference)) : nullptr;
}
BERALIH_EXPORT const Text* beralih_difference_field(const beralih::FieldDifference* d) {
  return &d->field;
}
BERALIH_EXPORT const Text* beralih_difference_ours(const beralih::FieldDifference* d) {
  return &d->ours;
}
BERALIH_EXPORT const Text* beralih_difference_theirs(const beralih::FieldDifference* d) {
  return &d->theirs;
}
BERALIH_EXPORT void beralih_difference_free(beralih::FieldDifference* d) { delete d; }

// --- preprocessing
// -------------------------------------------------------------------------------------------------

/// The module has one thread.
beralih::Workspace& workspace() {
  static beralih::Workspace one;
  return one;
}

/// max_pixels: a double, since JavaScript's numbers are; 0 for the core's default. `traced`: with
/// the crop and the hashes, for which the whole image is decoded into memory.
BERALIH_EXPORT Run* beralih_preprocess_run(const beralih::PreprocessSpec* spec,
                                           const uint8_t* bytes, size_t size, double max_pixels,
                                           bool traced) {
  const auto run = [&]() -> Run* {
    const int64_t wanted =
        max_pixels > 0 ? static_cast<int64_t>(max_pixels) : beralih::kDefaultMaxPixels;
    const int64_t limit = std::min(wanted, kMostPixels);
    auto run = std::make_unique<Run>();
    beralih::PreprocessTrace trace;
    const auto status = beralih::preprocess_into(run->result, workspace(), {bytes, size}, *spec,
                                                 limit, traced ? &trace : nullptr);
    if (!status) return fail(status.error());
    run->format = image_format_name(run->result.header.format);
    run->dtype = dtype_knob_name(run->result.tensor.dtype());
    if (traced) {
      run->pixels_sha256 = beralih::sha256_hex(trace.decoded.pixels);
      run->crop_sha256 = beralih::sha256_hex(trace.cropped.pixels);
      run->tensor_sha256 = beralih::sha256_hex(run->result.tensor.bytes());
      run->cropped = std::move(trace.cropped);
    }
    return run.release();
  };
  return guarded(run, ErrorCode::kImageTooLarge,
                 "there is not enough memory here for this image; send a smaller one");
}
BERALIH_EXPORT void beralih_run_free(Run* run) { delete run; }

BERALIH_EXPORT const Text* beralih_run_format(const Run* run) { return &run->format; }
BERALIH_EXPORT int beralih_run_width(const Run* run) { return run->result.oriented.width; }
BERALIH_EXPORT int beralih_run_height(const Run* run) { return run->result.oriented.height; }
BERALIH_EXPORT const Text* beralih_run_pixels_sha256(const Run* run) { return &run->pixels_sha256; }
BERALIH_EXPORT const Text* beralih_run_crop_sha256(const Run* run) { return &run->crop_sha256; }
BERALIH_EXPORT const Text* beralih_run_tensor_sha256(const Run* run) { return &run->tensor_sha256; }

BERALIH_EXPORT const Text* beralih_run_dtype(const Run* run) { return &run->dtype; }
BERALIH_EXPORT size_t beralih_run_rank(const Run* run) { return run->result.tensor.shape.size(); }
BERALIH_EXPORT int beralih_run_extent(const Run* run, size_t axis) {
  return static_cast<int>(run->result.tensor.shape[axis]);
}
BERALIH_EXPORT const uint8_t* beralih_run_tensor(const Run* run) {
  return run->result.tensor.bytes().data();
}
BERALIH_EXPORT size_t beralih_run_tensor_bytes(const Run* run) {
  return run->result.tensor.bytes().size();
}

BERALIH_EXPORT const uint8_t* beralih_run_crop(const Run* run) {
  return run->cropped.pixels.data();
}
BERALIH_EXPORT int beralih_run_crop_width(const Run* run) { return run->cropped.width; }
BERALIH_EXPORT int beralih_run_crop_height(const Run* run) { return run->cropped.height; }

BERALIH_EXPORT double beralih_run_decode_ms(const Run* run) {
  return run->result.timings.decode_ms;
}
BERALIH_EXPORT double beralih_run_resize_ms(const Run* run) {
  return run->result.timings.resize_ms;
}
BERALIH_EXPORT double beralih_run_normalize_ms(const Run* run) {
  return run->result.timings.normalize_ms;
}

// --- hash and answer
// -----------------------------------------------------------------------------------------------

BERALIH_EXPORT Text* beralih_sha256_of(const uint8_t* bytes, size_t size) {
  return guarded([&] { return new Text(beralih::sha256_hex(std::span(bytes, size))); });
}

using Predictions = std::vector<beralih::Prediction>;

BERALIH_EXPORT Predictions* beralih_predictions_of(const float* logits, size_t count, size_t k) {
  return guarded([&] {
    return new Predictions(beralih::top_k(beralih::softmax({logits, count}), k));
  });
}
BERALIH_EXPORT size_t beralih_predictions_count(const Predictions* predictions) {
  return predictions->size();
}
BERALIH_EXPORT int beralih_predictions_index(const Predictions* predictions, size_t rank) {
  return (*predictions)[rank].index;
}
BERALIH_EXPORT double beralih_predictions_probability(const Predictions* predictions, size_t rank) {
  return (*predictions)[rank].probability;
}
BERALIH_EXPORT void beralih_predictions_free(Predictions* predictions) { delete predictions; }
