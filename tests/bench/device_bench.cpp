// The bare engine of a card: how quick it is at each batch size, whether an answer depends on the
// batch it was in, and whether pictures get the classes that the processor gives them.
//
//   device_bench BUNDLE DEVICE DTYPE LARGEST_BATCH SECONDS [PICTURE…]
//
// Prints one JSON object. SECONDS are spent on each batch size.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "beralih/prediction.h"
#include "beralih/preprocess.h"
#include "engine/engine_module.h"
#include "engine/example_input.h"
#include "engine/golden_probe.h"

using namespace beralih;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

namespace {

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "device_bench: %s\n", message.c_str());
  std::exit(1);
}

template <typename T>
T need(Result<T> result) {
  if (!result) fail(result.error().message);
  return *std::move(result);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double percentile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(fraction * static_cast<double>(values.size() - 1))];
}

/// As the server prepares a picture for the engine.
Tensor prepare(const std::string& path, const Contract& contract, bool as_pixels) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(path + " cannot be read");
  const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  PreprocessSpec spec = contract.preprocessing;
  if (as_pixels) {
    spec.dtype = DataType::kUint8;
    spec.layout = Layout::kNhwc;
  }
  return need(preprocess(bytes, spec)).tensor;
}

/// Keeps the engine's depth full, as the scheduler does under load; images a second.
double saturate(InferenceEngine& engine, const std::vector<Tensor>& batch, double seconds) {
  size_t under_way = 0;
  size_t finished = 0;
  const auto start = Clock::now();
  while (seconds_since(start) < seconds || under_way > 0) {
    if (under_way < engine.depth() && seconds_since(start) < seconds) {
      if (engine.depth() == 1) {
        need(engine.infer(batch));
        finished += batch.size();
        continue;
      }
      need(engine.begin(batch, batch.size()));
      ++under_way;
    } else {
      need(engine.finish());
      --under_way;
      finished += batch.size();
    }
  }
  return static_cast<double>(finished) / seconds_since(start);
}

Json measure(InferenceEngine& engine, const Tensor& image, size_t rows, double seconds) {
  const std::vector<Tensor> batch(rows, image);
  for (int run = 0; run < 3; ++run) need(engine.infer(batch));
  std::vector<double> latencies;
  const auto start = Clock::now();
  while (latencies.size() < 3 || seconds_since(start) < seconds / 2) {
    const auto begun = Clock::now();
    need(engine.infer(batch));
    latencies.push_back(1e3 * seconds_since(begun));
  }
  const auto& statistics = engine.metadata().device_statistics;
  const uint64_t batches = statistics ? statistics->batches.load() : 0;
  const uint64_t copy_us = statistics ? statistics->copy_us.load() : 0;
  const uint64_t compute_us = statistics ? statistics->compute_us.load() : 0;
  Json row{
      {"rows", rows         },
      {                     "latency_p50_ms",           percentile(latencies,               0.5)},
      {      "latency_p99_ms", percentile(latencies, 0.99)},
      { "images_per_second",            saturate(engine,          batch, seconds / 2)}
  };
  if (statistics && statistics->batches.load() > batches) {
    const auto count = 1e3 * static_cast<double>(statistics->batches.load() - batches);
    row["copy_ms"] = static_cast<double>(statistics->copy_us.load() - copy_us) / count;
    row["compute_ms"] = static_cast<double>(statistics->compute_us.load() - compute_us) / count;
  }
  return row;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

/// The same picture alone, and among others at the beginning and the end of a batch.
Json invariance(InferenceEngine& engine, const std::vector<Tensor>& pictures, size_t rows) {
  const auto alone = need(engine.infer(std::span(pictures.data(), 1))).front();
  std::vector<Tensor> batch;
  for (size_t i = 0; i + 1 < rows; ++i) batch.push_back(pictures[i % pictures.size()]);
  batch.push_back(pictures.front());
  const auto among = need(engine.infer(batch));
  const auto expected = softmax(alone);
  const double difference = std::max(largest_difference(softmax(among.front()), expected),
                                     largest_difference(softmax(among.back()), expected));
  return {
      {"rows",                           rows                                           },
      {"bit_equal",                      among.front() == alone && among.back() == alone},
      {"position_bit_equal",             among.front() == among.back()                  },
      {"max_abs_probability_difference", difference                                     }
  };
}

size_t best(const std::vector<double>& probabilities) {
  return static_cast<size_t>(std::max_element(probabilities.begin(), probabilities.end()) -
                             probabilities.begin());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    fail("usage: device_bench BUNDLE DEVICE DTYPE LARGEST_BATCH SECONDS [PICTURE...]");
  }
  ::setenv("OMP_WAIT_POLICY", "passive", 0);
  const Bundle bundle = need(open_bundle(argv[1]));
  const Contract& contract = bundle.contract();
  EngineOptions options;
  options.device = argv[2];
  options.dtype = argv[3];
  options.max_batch = static_cast<size_t>(std::atoi(argv[4]));
  const double seconds = std::atof(argv[5]);
  const auto engine = need(make_engine(bundle, options));
  const EngineMetadata& metadata = engine->metadata();

  Json report{
      {"bundle",  contract.name   },
      {"library", metadata.library},
      {"device",  metadata.device },
      {"dtype",   metadata.dtype  },
  };
  report["load"] = {
      {"program_ms", metadata.load.architecture_ms},
      {"attach_ms",  metadata.load.attach_ms      },
      {"context_ms", metadata.load.context_ms     },
      {"upload_ms",  metadata.load.upload_ms      },
      {"warm_up_ms", metadata.load.warm_up_ms     }
  };
  if (metadata.device_facts) {
    const DeviceFacts& card = *metadata.device_facts;
    report["card"] = {
        {"name",            card.name           },
        {"compute",         card.compute        },
        {"cuda_runtime",    card.runtime        },
        {"cuda_driver",     card.driver         },
        {"memory_bytes",    card.memory_bytes   },
        {"multiprocessors", card.multiprocessors}
    };
  }
  for (const EngineCandidate& each : metadata.candidates) {
    Json tried{
        {"name",   each.name  },
        {"chosen", each.chosen}
    };
    if (each.refusal.empty()) {
      tried["forward_ms"] = each.forward_ms;
    } else {
      tried["refusal"] = each.refusal;
    }
    report["candidates"].push_back(std::move(tried));
  }

  const auto golden = need(golden_tensors(bundle));
  const Status reproduced = reproduces_golden(*engine, contract, golden, metadata.dtype);
  report["golden"] = {
      {"cases",      golden.size()                               },
      {"reproduced", static_cast<bool>(reproduced)               },
      {"problem",    reproduced ? "" : reproduced.error().message}
  };

  std::vector<Tensor> pictures;
  for (int i = 6; i < argc; ++i)
    pictures.push_back(prepare(argv[i], contract, metadata.takes_pixels));
  if (!pictures.empty()) {
    EngineOptions on_cpu;
    on_cpu.cpu_engine = CpuEngine::kMapped;
    const auto processor = need(make_engine(bundle, on_cpu));
    size_t equal = 0;
    double difference = 0;
    for (size_t i = 0; i < pictures.size(); ++i) {
      const Tensor values = prepare(argv[static_cast<size_t>(6) + i], contract, false);
      const auto expected = softmax(need(processor->infer(std::span(&values, 1))).front());
      const auto found = softmax(need(engine->infer(std::span(&pictures[i], 1))).front());
      equal += best(expected) == best(found) ? 1 : 0;
      difference = std::max(difference, largest_difference(expected, found));
    }
    report["pictures"] = {
        {"count",                          pictures.size()},
        {"top1_equal",                     equal          },
        {"max_abs_probability_difference", difference     }
    };
  } else {
    pictures = golden;
  }
  if (pictures.empty()) pictures.push_back(*example_input(contract));

  for (size_t rows = 1; rows <= options.max_batch; rows *= 2) {
    if (rows > 1) report["invariance"].push_back(invariance(*engine, pictures, rows));
    report["batches"].push_back(measure(*engine, pictures.front(), rows, seconds));
  }
  std::printf("%s\n", report.dump(2).c_str());
  return 0;
}
