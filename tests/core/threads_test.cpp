// The core is called by many threads at once; ThreadSanitizer (preset `tsan`) watches this test.
#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "beralih/preprocess.h"
#include "core/test_image.h"
#include "golden/golden_vectors.h"

using namespace beralih;

TEST_CASE("threads that preprocess at once get what one alone gets") {
  struct Work {
    std::vector<uint8_t> bytes;
    PreprocessSpec spec;
    std::vector<uint8_t> tensor;  // empty: the image is refused
  };
  std::vector<Work> works;
  for (const auto& file : golden::kFiles) {
    for (const int side : {16, 33}) {  // sizes of their own: the table of weights is shared
      Work work{from_hex(file.hex), {}, {}};
      work.spec.resize_size = {side, side};
      const auto result = preprocess(work.bytes, work.spec);
      if (result) work.tensor.assign(result->tensor.bytes().begin(), result->tensor.bytes().end());
      works.push_back(std::move(work));
    }
  }
  constexpr size_t kThreads = 4;
  std::vector<size_t> different(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&works, &count = different[t], t] {
      for (size_t i = 0; i < works.size(); ++i) {
        const Work& work = works[(i * (t + 1)) % works.size()];
        const auto result = preprocess(work.bytes, work.spec);
        const bool same =
            result ? std::ranges::equal(result->tensor.bytes(), work.tensor) : work.tensor.empty();
        count += same ? 0 : 1;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(different == std::vector<size_t>(kThreads));
}
