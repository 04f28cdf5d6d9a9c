#include "scheduling/worker_pool.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <string>

using namespace beralih;

TEST_CASE("workers take interactive jobs before bulk ones, each in order", "[workers]") {
  std::string order;
  std::promise<void> entered;
  std::promise<void> opened;
  {
    WorkerPool pool(1);
    pool.post(Priority::kBulk, [&] {
      entered.set_value();
      opened.get_future().wait();
    });
    entered.get_future().wait();
    for (const char name : {'a', 'b'})
      pool.post(Priority::kBulk, [&order, name] { order += name; });
    for (const char name : {'X', 'Y'})
      pool.post(Priority::kInteractive, [&order, name] { order += name; });
    opened.set_value();
  }
  CHECK(order == "XYab");
}

TEST_CASE("no more jobs run at once than there are workers, and all run", "[workers]") {
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::atomic<int> done{0};
  {
    WorkerPool pool(3);
    for (int i = 0; i < 200; ++i) {
      pool.post(Priority::kInteractive, [&] {
        const int now = ++running;
        int seen = most.load();
        while (seen < now && !most.compare_exchange_weak(seen, now)) {
        }
        std::this_thread::yield();
        --running;
        ++done;
      });
    }
  }
  CHECK(done == 200);
  CHECK(most <= 3);
}
