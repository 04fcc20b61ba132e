//===- ThreadPool.cpp - Threads, barriers
//----------------------------------===//
#include "runtime/step/ThreadPool.h"
#include "runtime/model/Entry.h"

#include <catch2/catch.hpp>

using namespace heed;

TEST_CASE("ThreadPool: every thread once, barriers in step") {
  for (unsigned threads : {1, 2, 3, 7}) {
    Result<std::unique_ptr<ThreadPool>> pool = ThreadPool::create(threads);
    REQUIRE(pool);
    struct Shared {
      ThreadPool *pool;
      std::atomic<int> arrived{0};
      std::atomic<int> wrong{0};
    } shared{pool->get()};
    for (int round = 0; round < 50; ++round) {
      unsigned use = 1 + round % threads;
      shared.arrived = 0;
      (*pool)->run(
          [](void *context, unsigned, unsigned count) {
            auto &s = *static_cast<Shared *>(context);
            for (int step = 1; step <= 20; ++step) {
              s.arrived.fetch_add(1);
              heed_barrier(&s.pool->barrier());
              if (s.arrived.load() != step * int(count))
                s.wrong.fetch_add(1);
              heed_barrier(&s.pool->barrier());
            }
          },
          &shared, use);
      CHECK(shared.arrived == 20 * int(use));
    }
    CHECK(shared.wrong == 0);
  }
}
