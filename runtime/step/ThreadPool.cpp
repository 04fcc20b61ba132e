//===- ThreadPool.cpp - Threads that run one function together ------------===//
#include "runtime/step/ThreadPool.h"
#include "runtime/model/Entry.h"
#include "runtime/support/Text.h"

#include <algorithm>
#include <climits>
#include <csignal>
#include <cstring>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace heed;

/// Looks at a number before sleeping: a millisecond or more. Waking a sleeper
/// takes a virtual machine as long as several kernels of a decode step, in
/// which the waker runs out of patience too, and so on in turn.
static constexpr unsigned usualSpins = 50'000;
/// Until this look no pause in between: threads with equal work meet within a
/// microsecond, and a pause may cost a virtual machine as much.
static constexpr unsigned eagerSpins = 500;
/// From this look on, whoever else wants this CPU gets it now and then.
static constexpr unsigned politeSpins = 2000;

static long futex(std::atomic<uint32_t> &word, int operation, uint32_t value) {
  static_assert(sizeof word == 4);
  return ::syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value,
                   nullptr, nullptr, 0);
}

/// Number `value` comes at or after `target`, on a circle.
static bool reached(uint32_t value, uint32_t target) {
  return static_cast<int32_t>(value - target) >= 0;
}

void Signal::waitFor(uint32_t target, unsigned spins) {
  for (unsigned i = 0; i < spins; ++i) {
    if (reached(now(), target))
      return;
    if (i >= eagerSpins)
      __builtin_ia32_pause();
    if (i >= politeSpins && i % 64 == 0)
      ::sched_yield();
  }
  // Sequentially consistent against advance() and wake(): either they see the
  // sleeper, or the futex sees the new value.
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  for (uint32_t seen;
       !reached(seen = value.load(std::memory_order_seq_cst), target);)
    futex(value, FUTEX_WAIT, seen);
  sleepers.fetch_sub(1, std::memory_order_relaxed);
}

uint32_t Signal::advance() {
  return value.fetch_add(1, std::memory_order_seq_cst) + 1;
}

void Signal::wake() {
  if (sleepers.load(std::memory_order_seq_cst) != 0)
    futex(value, FUTEX_WAKE, INT_MAX);
}

void Barrier::reset(unsigned newThreads, unsigned newSpins) {
  before = meetings();
  start = arrivals.now();
  threads = newThreads;
  spins = newSpins;
}

void Barrier::wait() {
  if (threads == 1)
    return;
  uint32_t mine = arrivals.advance() - start;
  uint32_t all = (mine + threads - 1) / threads * threads;
  if (mine == all)
    arrivals.wake();
  else
    arrivals.waitFor(start + all, spins);
}

extern "C" void heed_barrier(void *sync) {
  static_cast<Barrier *>(sync)->wait();
}

unsigned ThreadPool::defaultThreads() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0)
    return 1;
  return std::clamp<unsigned>(CPU_COUNT(&set), 1, most);
}

Result<std::unique_ptr<ThreadPool>> ThreadPool::create(unsigned threads) {
  std::unique_ptr<ThreadPool> pool(new ThreadPool);
  // With more threads than CPUs, who spins keeps another from working.
  pool->spins = threads > defaultThreads() ? 0 : usualSpins;
  // Signals go to the caller's thread, whose reads they must interrupt.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  int code = 0;
  for (unsigned i = 1; i < std::clamp(threads, 1u, most) && code == 0; ++i) {
    auto worker = std::make_unique<Worker>(Worker{pool.get(), i, {}});
    code = ::pthread_create(&worker->thread, nullptr, workerMain, worker.get());
    if (code == 0)
      pool->workers.push_back(std::move(worker));
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (code != 0)
    return Error{concat("cannot start thread ", pool->size() + 1, " of ",
                        threads, ": ", std::strerror(code),
                        "; use fewer --threads"),
                 Error::Machine};
  return pool;
}

ThreadPool::~ThreadPool() {
  closing = true;
  start.advance();
  start.wake();
  for (const std::unique_ptr<Worker> &worker : workers)
    ::pthread_join(worker->thread, nullptr);
}

void ThreadPool::run(Work newWork, void *newContext, unsigned newThreads) {
  work = newWork;
  context = newContext;
  threads = std::clamp(newThreads, 1u, size());
  meeting.reset(threads, spins);
  if (threads > 1) {
    // Every worker reports, also those without a part: none can still be
    // reading this run's fields when the next one writes them.
    running.store(size() - 1, std::memory_order_relaxed);
    uint32_t done = finished.now() + 1;
    start.advance();
    start.wake();
    work(context, 0, threads);
    finished.waitFor(done, spins);
  } else {
    work(context, 0, 1);
  }
}

void *ThreadPool::workerMain(void *argument) {
  const Worker &self = *static_cast<Worker *>(argument);
  ThreadPool &pool = *self.pool;
  for (uint32_t number = 1;; ++number) {
    pool.start.waitFor(number, pool.spins);
    if (pool.closing)
      return nullptr;
    if (self.index < pool.threads)
      pool.work(pool.context, self.index, pool.threads);
    if (pool.running.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      pool.finished.advance();
      pool.finished.wake();
    }
  }
}
