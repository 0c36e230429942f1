// A team of threads that lives as long as a kernel, and a barrier cheap enough for every time step.
#pragma once

#include <sched.h>

#include <atomic>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include "harness/cores.hpp"
#include "harness/error.hpp"

namespace rnnbench {

/// Waits until done() without sleeping: a step of a small layer is shorter than a wake-up. Yields
/// after a while, because the thread waited for may need this core.
template <class Done>
void spin_until(const Done& done) {
  for (int spins = 0; !done(); ++spins) {
    if (spins > 2000) sched_yield();
#ifdef __x86_64__
    else
      __builtin_ia32_pause();
#endif
  }
}

/// A reusable barrier for `size` spinning threads.
class SpinBarrier {
 public:
  explicit SpinBarrier(int size) : size_(size) {}
  void wait() {
    if (size_ == 1) return;
    const unsigned round = round_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
    } else {
      spin_until([&] { return round_.load(std::memory_order_acquire) != round; });
    }
  }

 private:
  alignas(64) std::atomic<int> arrived_{0};
  const int size_;
  alignas(64) std::atomic<unsigned> round_{0};
};

/// `size` ranks: the caller of run() is rank 0, the others are threads that sleep between runs, so
/// that a made kernel that is not running takes nothing from the one that is.
class Team {
 public:
  explicit Team(int size) : size_(size) {
    try {
      for (int rank = 1; rank < size; ++rank) threads_.emplace_back([this, rank] { serve(rank); });
    } catch (const std::system_error& error) {
      stop();
      throw Error("cannot start " + std::to_string(size) + " threads: " + error.what());
    }
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  ~Team() { stop(); }

  int size() const { return size_; }

  /// work(rank) once on every rank; returns when all are done. `work` must not throw.
  template <class Work>
  void run(const Work& work) {
    call_ = [](const void* target, int rank) { (*static_cast<const Work*>(target))(rank); };
    target_ = &work;
    busy_.store(size_ - 1, std::memory_order_relaxed);
    wake();
    work(0);
    spin_until([&] { return busy_.load(std::memory_order_acquire) == 0; });
  }

 private:
  void wake() {
    turn_.fetch_add(1, std::memory_order_release);
    turn_.notify_all();
  }
  void serve(int rank) {
    for (unsigned seen = 0;; ++seen) {
      turn_.wait(seen, std::memory_order_acquire);
      if (stopping_.load(std::memory_order_acquire)) return;
      call_(target_, rank);
      busy_.fetch_sub(1, std::memory_order_release);
    }
  }
  void stop() {
    stopping_.store(true, std::memory_order_release);
    wake();
    threads_.clear();  // joins
  }

  const int size_;
  void (*call_)(const void*, int) = nullptr;
  const void* target_ = nullptr;
  std::atomic<unsigned> turn_{0};
  std::atomic<int> busy_{0};
  std::atomic<bool> stopping_{false};
  std::vector<std::jthread> threads_;
};

}  // namespace rnnbench
