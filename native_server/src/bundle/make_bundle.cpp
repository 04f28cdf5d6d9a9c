#include "bundle/make_bundle.h"

#include <algorithm>
#include <array>
#include <utility>

#include "beralih/prediction.h"
#include "beralih/preprocess.h"
#include "beralih/sha256.h"
#include "bundle/contract_json.h"
#include "bundle/file_writer.h"
#include "bundle/golden_check.h"
#include "bundle/research_results.h"

namespace beralih {
namespace {

namespace fs = std::filesystem;

struct InputFile {
  const char* role;
  fs::path source;
  std::string path;  ///< in the bundle
};

std::vector<InputFile> input_files(const BundleInputs& inputs) {
  std::vector<InputFile> files{
      {"labels",       inputs.labels,       "labels.txt"         },
      {"architecture", inputs.architecture, "architecture.pt"    },
      {"weights",      inputs.weights,      "weights.safetensors"},
      {"model",        inputs.model,        "model.pt"           },
      {"edge_model",   inputs.edge_model,   "edge.onnx"          }
  };
  for (const fs::path& image : inputs.images)
    files.push_back({"golden_image", image, "golden/" + image.filename().string()});
  std::erase_if(files, [](const InputFile& file) { return file.source.empty(); });
  return files;
}

/// Messages about the copy speak of the file that the user named.
Error about_sources(Error error, const fs::path& directory, const std::vector<InputFile>& files) {
  for (const InputFile& file : files) {
    const std::string copy = (directory / file.path).string();
    const size_t at = error.message.find(copy);
    if (at != std::string::npos) error.message.replace(at, copy.size(), file.source.string());
  }
  return error;
}

class Maker {
 public:
  Maker(const BundleInputs& inputs, const fs::path& directory, const BundleProgress& progress)
      : inputs_(inputs), directory_(directory), progress_(progress), files_(input_files(inputs)) {}

  Result<VerifiedContract> make(const MakeBundleEngine& make_engine);

 private:
  struct Sample {
    GoldenCase golden;
    Tensor tensor;
  };

  Status check_inputs();
  Status prepare_samples();
  Status copy_files();
  Result<Bundle> bundle_so_far() const;
  Status fill_probabilities(InferenceEngine& engine);
  Status take_research(Sample& sample) const;
  Result<VerifiedContract> write() const;

  const BundleInputs& inputs_;
  const fs::path& directory_;
  const BundleProgress& progress_;
  std::vector<InputFile> files_;
  std::vector<std::string> labels_;
  std::optional<ResearchResults> research_;
  std::vector<Sample> samples_;
  Contract contract_;
};

Status Maker::check_inputs() {
  const auto text = read_text(inputs_.labels);
  if (!text) return text.error();
  auto labels = parse_labels(inputs_.labels, *text);
  if (!labels) return labels.error();
  labels_ = *std::move(labels);
  if (labels_.empty())
    return Error{ErrorCode::kInvalidArgument, inputs_.labels.string() + ": holds no label"};

  contract_.name = inputs_.name;
  contract_.version = inputs_.version;
  contract_.description = inputs_.description;
  contract_.preprocessing = inputs_.preprocessing;
  contract_.input = {"input", std::string(datatype_name(inputs_.preprocessing.dtype)),
                     output_shape(inputs_.preprocessing)};
  contract_.output = {
      "logits", "FP32", {-1, static_cast<int64_t>(labels_.size())}
  };
  contract_.tolerance = inputs_.tolerance;
  contract_.provenance = inputs_.provenance;

  if (inputs_.probabilities.empty()) return Ok{};
  auto research = read_research_results(inputs_.probabilities, labels_.size());
  if (!research) return research.error();
  research_ = *std::move(research);
  for (const auto& [name, unused] : research_->cases) {
    const bool given = std::any_of(inputs_.images.begin(), inputs_.images.end(),
                                   [&, n = name](const fs::path& p) { return p.filename() == n; });
    if (!given) {
      return Error{ErrorCode::kInvalidArgument,
                   inputs_.probabilities.string() + ": has a case for \"" + name +
                       "\", which is not among the images; name it with --image"};
    }
  }
  return Ok{};
}

Status Maker::prepare_samples() {
  for (const fs::path& image : inputs_.images) {
    const auto file = MappedFile::open(image);
    if (!file) return file.error();
    auto prepared = preprocess((*file)->bytes(), inputs_.preprocessing);
    if (!prepared)
      return Error{prepared.error().code, image.string() + ": " + prepared.error().message};
    const std::string path = "golden/" + image.filename().string();
    const bool twice = std::any_of(samples_.begin(), samples_.end(),
                                   [&](const Sample& s) { return s.golden.image == path; });
    if (twice) {
      return Error{ErrorCode::kInvalidArgument, image.string() +
                                                    ": another image has the same file name; "
                                                    "rename one"};
    }
    Sample sample{
        {path, sha256_hex(prepared->tensor.bytes()), {}},
        std::move(prepared->tensor)
    };
    if (auto taken = take_research(sample); !taken) return taken;
    samples_.push_back(std::move(sample));
  }
  return Ok{};
}

Status Maker::copy_files() {
  std::error_code code;
  if (!samples_.empty() && !fs::create_directory(directory_ / "golden", code)) {
    return Error{ErrorCode::kIo,
                 (directory_ / "golden").string() + ": cannot create: " + code.message()};
  }
  for (const InputFile& file : files_) {
    const auto written = copy_file(file.source, directory_ / file.path, progress_.bytes);
    if (!written) return written.error();
    contract_.files.push_back({file.role, file.path, written->bytes, written->sha256});
  }
  return Ok{};
}

/// What an engine needs of a bundle; the golden cases are what it is needed for.
Result<Bundle> Maker::bundle_so_far() const {
  Bundle bundle;
  bundle.directory = directory_;
  bundle.identity.contract = contract_;
  bundle.labels = labels_;
  for (const InputFile& file : files_) {
    auto mapped = MappedFile::open(directory_ / file.path);
    if (!mapped) return mapped.error();
    bundle.files.emplace(file.path, *std::move(mapped));
  }
  return bundle;
}

Status Maker::take_research(Sample& sample) const {
  if (!research_) return Ok{};
  const std::string name = fs::path(sample.golden.image).filename().string();
  const auto refused = [&](const std::string& what) {
    return Error{ErrorCode::kInvalidArgument, inputs_.probabilities.string() + ": " + what};
  };
  const auto found = research_->cases.find(name);
  if (found == research_->cases.end()) return refused("has no case for \"" + name + "\"");
  const auto& theirs = found->second.tensor_sha256;
  if (theirs && *theirs != sample.golden.tensor_sha256) {
    return refused("\"" + name + "\": the research side's tensor has the SHA-256 " + *theirs +
                   ", these preprocessing knobs make " + sample.golden.tensor_sha256 +
                   "; correct the knobs, or the research code");
  }
  sample.golden.top5 = found->second.top;
  return Ok{};
}

Status Maker::fill_probabilities(InferenceEngine& engine) {
  const EngineMetadata& metadata = engine.metadata();
  for (Sample& sample : samples_) {
    const auto rows = engine.infer(std::span(&sample.tensor, 1));
    if (!rows) return Error{rows.error().code, sample.golden.image + ": " + rows.error().message};
    const auto all = top_k(softmax(rows->front()), labels_.size());
    if (!research_) {
      std::vector<GoldenProbability> computed;
      for (const Prediction& p : all) computed.push_back({p.index, p.probability});
      sample.golden.top5 = top_five(std::move(computed));
    }
    const double tolerance = allowed_difference(contract_.tolerance, metadata.dtype);
    const auto outcome = compare_golden(sample.golden, sample.golden.tensor_sha256, all, tolerance);
    if (!outcome.problem.empty()) {
      return Error{ErrorCode::kInvalidBundle,
                   sample.golden.image +
                       ": the engine does not come to the golden probabilities: " +
                       outcome.problem + "; check labels, preprocessing and weights"};
    }
    contract_.golden.push_back(sample.golden);
    if (auto wanted = report_progress(progress_.golden_cases, 1); !wanted) return wanted;
  }
  std::string& note = contract_.provenance.note;
  if (!note.empty()) note += note.ends_with('.') ? " " : ". ";
  if (research_) {
    note += "Golden probabilities: from the research side";
    if (!research_->source.empty()) note += " (" + research_->source + ")";
  } else {
    note += "Golden probabilities: computed by the engine that serves the bundle (" +
            metadata.library + ", " + metadata.device + ", " + metadata.dtype +
            "), not by the research side";
  }
  note += ".";
  return Ok{};
}

Result<VerifiedContract> Maker::write() const {
  VerifiedContract out;
  out.json = contract_json(contract_);
  out.contract_hash = sha256_hex(out.json);
  auto parsed = parse_contract(out.json);
  if (!parsed)
    return Error{parsed.error().code, "the contract would not be valid: " + parsed.error().message};
  out.contract = *std::move(parsed);
  out.preprocessing_text = preprocessing_text(out.contract);
  out.preprocessing_hash = preprocessing_hash(out.contract);
  if (auto json = write_file(directory_ / "contract.json", out.json); !json) return json.error();
  if (auto hash = write_file(directory_ / "contract.sha256", out.contract_hash + "\n"); !hash)
    return hash.error();
  return out;
}

Result<VerifiedContract> Maker::make(const MakeBundleEngine& make_engine) {
  if (auto checked = check_inputs(); !checked) return checked.error();
  if (auto prepared = prepare_samples(); !prepared) return prepared.error();
  if (auto copied = copy_files(); !copied) return copied.error();
  const auto bundle = bundle_so_far();
  if (!bundle) return bundle.error();
  if (auto wanted = report_progress(progress_.golden_cases, 0); !wanted) return wanted.error();
  auto engine = make_engine(*bundle);
  if (!engine) return about_sources(engine.error(), directory_, files_);
  if (auto filled = fill_probabilities(**engine); !filled) return filled.error();
  return write();
}

}  // namespace

int64_t input_bytes(const BundleInputs& inputs) {
  int64_t bytes = 0;
  for (const InputFile& file : input_files(inputs)) {
    std::error_code code;
    const auto size = fs::file_size(file.source, code);
    if (!code) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

Result<VerifiedContract> make_bundle(const BundleInputs& inputs, const fs::path& directory,
                                     const MakeBundleEngine& make_engine,
                                     const BundleProgress& progress) {
  return Maker(inputs, directory, progress).make(make_engine);
}

}  // namespace beralih
