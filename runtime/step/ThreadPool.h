//===- ThreadPool.h - Threads that run one function together --------------===//
//
// A decode step runs some hundred kernels in a few milliseconds, with a barrier
// behind each, so waiting spins first; after a millisecond or so it sleeps on a
// futex, because a machine may have fewer free cores than threads.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/support/Result.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <pthread.h>
#include <vector>

namespace heed {

/// A number that grows by one, and that threads wait for.
class Signal {
public:
  uint32_t now() const { return value.load(std::memory_order_acquire); }
  /// Returns once now() has reached `target`. `spins` looks before sleeping.
  void waitFor(uint32_t target, unsigned spins);
  /// Adds 1 and returns the sum; wake() is for who sleeps.
  uint32_t advance();
  void wake();

private:
  alignas(64) std::atomic<uint32_t> value{0};
  std::atomic<uint32_t> sleepers{0};
};

/// All of a fixed number of threads meet here, again and again. Arrivals are
/// counted in the number that the others wait for, so the last one's arrival is
/// all that has to travel between the cores.
class Barrier {
public:
  /// No thread may be waiting.
  void reset(unsigned newThreads, unsigned newSpins);
  void wait();
  /// How often several threads have met.
  uint32_t meetings() const {
    return before + (threads > 1 ? (arrivals.now() - start) / threads : 0);
  }

private:
  unsigned threads = 1, spins = 0;
  uint32_t start = 0;  // arrivals at the last reset
  uint32_t before = 0; // meetings until then
  Signal arrivals;
};

class ThreadPool {
public:
  using Work = void (*)(void *context, unsigned thread, unsigned threads);
  static constexpr unsigned most = 1024;

  /// CPUs that this process may run on, at least 1.
  static unsigned defaultThreads();

  /// Starts `threads` - 1 threads; the caller of run() is the other. Error, a
  /// fault of the machine: a thread cannot be started.
  static Result<std::unique_ptr<ThreadPool>> create(unsigned threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;

  unsigned size() const { return static_cast<unsigned>(workers.size()) + 1; }
  /// Calls work(context, thread, threads) once on each of the first `threads`
  /// threads (at most size()) and returns when all have come back. One caller
  /// at a time.
  void run(Work work, void *context, unsigned threads);
  /// For heed_barrier: all threads of the current run() meet.
  Barrier &barrier() { return meeting; }

private:
  struct Worker {
    ThreadPool *pool;
    unsigned index;
    pthread_t thread;
  };
  ThreadPool() = default;
  static void *workerMain(void *worker);

  std::vector<std::unique_ptr<Worker>> workers;
  Barrier meeting;
  Signal start, finished;
  std::atomic<unsigned> running{0};
  Work work = nullptr;
  void *context = nullptr;
  unsigned threads = 1;
  bool closing = false;
  unsigned spins = 0;
};

} // namespace heed
