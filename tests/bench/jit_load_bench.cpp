// How long libtorch itself takes to load a whole TorchScript file:  jit_load_bench FILE.pt
// One JSON object: torch::jit::load alone, and from the start of the program, linking libtorch
// included, to the loaded network; the second by the clock of the process that started it.
#include <torch/script.h>

#include <chrono>
#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: jit_load_bench FILE.pt\n", stderr);
    return 2;
  }
  try {
    const auto start = std::chrono::steady_clock::now();
    const torch::jit::Module module = torch::jit::load(argv[1]);
    const auto end = std::chrono::steady_clock::now();
    // steady_clock is the kernel's monotonic clock, which the caller reads, too.
    std::printf("{\"load_s\": %.4f, \"loaded_at_s\": %.4f}\n",
                std::chrono::duration<double>(end - start).count(),
                std::chrono::duration<double>(end.time_since_epoch()).count());
    return module.parameters().size() > 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "jit_load_bench: %s\n", error.what());
    return 1;
  }
}
