// How quick the CPU engine is beside the plain scripted module, and what the scheduler and the
// preprocessing in front of it cost. Rounds alternate, so that all rows see the same machine.
//
//   engine_bench BUNDLE IMAGE [THREADS [BATCH [ROUNDS]]]
//
// Prints one JSON object. Times are milliseconds of this process's CPU and of the wall clock: where
// other programs compete for the cores, only the former mean much.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "engine/classifier.h"
#include "engine/engine_module.h"
#include "engine/example_input.h"

using namespace beralih;
using Json = nlohmann::ordered_json;

namespace {

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "engine_bench: %s\n", message.c_str());
  std::exit(1);
}

template <typename T>
T need(Result<T> result) {
  if (!result) fail(result.error().message);
  return *std::move(result);
}

struct Cost {
  double wall_ms = 0;
  double cpu_ms = 0;
};

Cost cost_of(const std::function<void()>& work) {
  const auto cpu = [] {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
  };
  const auto wall = std::chrono::steady_clock::now();
  const double cpu_before = cpu();
  work();
  return {
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - wall).count(),
      cpu() - cpu_before};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Row {
  std::string name;
  double images = 1;  ///< per piece of work
  std::function<void()> work;
  std::vector<double> wall_ms = {};
  std::vector<double> cpu_ms = {};

  void run() {
    const Cost cost = cost_of(work);
    wall_ms.push_back(cost.wall_ms / images);
    cpu_ms.push_back(cost.cpu_ms / images);
  }
  Json json() const {
    return {
        {"wall_ms_per_image", median(wall_ms)},
        {"cpu_ms_per_image",  median(cpu_ms) }
    };
  }
};

double ratio(const Row& row, const Row& to, std::vector<double> Row::*which) {
  return median(row.*which) / median(to.*which);
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(path + " cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Keeps two batches in the scheduler's queue until `images` are answered.
void saturate(Scheduler& scheduler, const Tensor& tensor, size_t batch, size_t images) {
  std::deque<InferenceAnswer> open;
  for (size_t sent = 0; sent < images || !open.empty();) {
    while (sent < images && open.size() < 2 * batch) {
      open.push_back(need(scheduler.submit(Tensor(tensor))));
      ++sent;
    }
    need(open.front().get());
    open.pop_front();
  }
}

/// As many clients as two batches hold, each with one image at a time.
void saturate(Classifier& classifier, const std::string& image, size_t batch, size_t images) {
  std::atomic<size_t> left{images};
  std::vector<std::jthread> clients;
  for (size_t i = 0; i < 2 * batch; ++i) {
    clients.emplace_back([&] {
      for (size_t before = left; before > 0;) {
        if (!left.compare_exchange_weak(before, before - 1)) continue;
        const auto* data = reinterpret_cast<const uint8_t*>(image.data());
        need(classifier.classify({data, image.size()}, 5));
        before = left;
      }
    });
  }
}

/// Waits until only the bucket of that size, or every one up to it, is warm.
void wait_until_warm(const Scheduler& scheduler) {
  while (!scheduler.warming_finished()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) fail("usage: engine_bench BUNDLE IMAGE [THREADS [BATCH [ROUNDS]]]");
  ::setenv("OMP_WAIT_POLICY", "passive", 0);  // before the engine module is loaded
  const std::string image = read(argv[2]);
  EngineOptions plain_options;
  plain_options.cpu_engine = CpuEngine::kMapped;
  plain_options.threads = argc > 3 ? std::atoi(argv[3]) : 1;
  const auto batch = static_cast<size_t>(argc > 4 ? std::atoi(argv[4]) : 4);
  const int rounds = argc > 5 ? std::atoi(argv[5]) : 9;
  EngineOptions fp32_options = plain_options;
  fp32_options.cpu_engine = CpuEngine::kPacked;
  fp32_options.dtype = "fp32";
  EngineOptions auto_options = fp32_options;
  auto_options.dtype = "auto";
  EngineOptions default_options;  // what `serve` takes where nothing is said
  default_options.threads = plain_options.threads;

  const Bundle bundle = need(open_bundle(argv[1]));
  const auto plain = need(make_engine(bundle, plain_options));
  const auto fp32 = need(make_engine(bundle, fp32_options));
  const auto best = need(make_engine(bundle, auto_options));
  const auto standard = need(make_engine(bundle, default_options));
  const auto example = example_input(bundle.contract());
  if (!example) fail("the contract's input has a free dimension");
  const std::vector<Tensor> many(batch, *example);

  // The same engine behind the scheduler, and behind preprocessing too.
  SchedulerOptions scheduling;
  scheduling.queue_capacity = 4 * batch;
  scheduling.max_batch = batch;
  scheduling.fixed_shape = true;
  // The first request of a round must not start a batch of its own: only full ones are compared.
  scheduling.batch_delay = std::chrono::milliseconds(100);
  scheduling.example = example;
  const auto scheduler =
      need(Scheduler::start([&] { return make_engine(bundle, auto_options); }, scheduling));
  ClassifierOptions classifying;
  classifying.queue_capacity = 4 * batch;
  classifying.max_batch = batch;
  classifying.deterministic = true;
  classifying.batch_delay = scheduling.batch_delay;
  const auto classifier = need(Classifier::load(
      argv[1], [&](const Bundle& opened) { return make_engine(opened, auto_options); },
      classifying));
  wait_until_warm(*scheduler);

  constexpr size_t kBatches = 6;
  const auto images = static_cast<double>(kBatches * batch);
  Row rows[] = {
      {"plain_forward",   1,      [&] { need(plain->infer(std::span(&*example, 1))); }            },
      {"fp32_forward",    1,      [&] { need(fp32->infer(std::span(&*example, 1))); }             },
      {"best_forward",    1,      [&] { need(best->infer(std::span(&*example, 1))); }             },
      {"default_forward", 1,      [&] { need(standard->infer(std::span(&*example, 1))); }         },
      {"bare_loop",       images,
       [&] {
         for (size_t i = 0; i < kBatches; ++i) need(best->infer(many));
       }                                                                                          },
      {"scheduler",       images, [&] { saturate(*scheduler, *example, batch, kBatches * batch); }},
      {"jpeg_classifier", images, [&] { saturate(*classifier, image, batch, kBatches * batch); }  },
  };
  for (Row& row : rows) {  // warm
    row.run();
    row.run();
    row.wall_ms.clear();
    row.cpu_ms.clear();
  }
  for (int round = 0; round < rounds; ++round)
    for (Row& row : rows) row.run();

  const auto& [plain_row, fp32_row, best_row, default_row, bare_row, scheduler_row, jpeg_row] =
      rows;
  Json report;
  const EngineMetadata& metadata = best->metadata();
  report["threads"] = metadata.threads;
  report["batch"] = batch;
  report["rounds"] = rounds;
  report["image_bytes"] = image.size();
  report["chosen"] = metadata.variant + " " + metadata.dtype;
  for (const auto& [row, engine] : {
           std::pair{&plain_row,   &plain   },
           std::pair{&fp32_row,    &fp32    },
           std::pair{&best_row,    &best    },
           std::pair{&default_row, &standard}
  }) {
    const EngineMetadata& form = (*engine)->metadata();
    report["forms"][row->name] = form.variant + " " + form.dtype;
  }
  for (const EngineCandidate& each : metadata.candidates)
    report["tried"][each.name] = each.refusal.empty() ? Json(each.forward_ms) : Json(each.refusal);
  for (const Row& row : rows) report["rows"][row.name] = row.json();
  for (const auto& [name, which] : {
           std::pair{"wall", &Row::wall_ms},
           std::pair{"cpu",  &Row::cpu_ms }
  }) {
    report["ratios"][name] = {
        {"packed_fp32_to_plain", ratio(fp32_row,    plain_row,     which)},
        {"default_to_plain",     ratio(default_row, plain_row,     which)},
        {"chosen_to_plain",      ratio(best_row,    plain_row,     which)},
        {"scheduler_throughput", ratio(bare_row,    scheduler_row, which)},
        {"jpeg_throughput",      ratio(bare_row,    jpeg_row,      which)},
    };
  }
  std::printf("%s\n", report.dump(2).c_str());
  return 0;
}
