// One all-gather of h after another in one kernel: what all ways of exchanging h share.
//
// A way is a type with
//   publish(round)  every thread: the block's own part of this round's h to where others read it
//   gather(round)   every thread: until all of h is in this block's shared memory; false: gave up
//   h(round)        where it is then, values in their order
//   bits            of each value that go round
//   ready(got)      every thread, after looking at h: whether the block goes on
//   finish()        before the block ends
//
// Why two buffers are enough: a block publishes round r + 2 into the buffer of round r after it
// has gathered round r + 1. That takes a part of every block (each owns one), and a block
// publishes its part of r + 1 after all its threads have looked at r: ready(r) is a barrier of
// the block. (Where it is none, ClusterStores says why.) So nobody reads r any more; and no block
// is more than one round ahead of another.
#pragma once

#include <cstdint>

namespace rnnbench::exchange {

constexpr int threads = 512;
constexpr unsigned long long patience_ns = 2'000'000'000;  // of a whole launch

/// What a launch says of itself; zeros before it.
struct Report {
  unsigned gave_up;     // 1: somebody waited too long; all loops look at it
  unsigned wrong;       // threads that saw a value that is not this round's
  unsigned rounds_run;  // of all blocks together
};

struct Task {
  int bytes;  // of h: a multiple of 16, and 16 or more for each block
  int rounds;
  bool all;         // look at every value of every round, not at one a thread
  void* words;      // device memory for two buffers of what the way writes, zeros
  unsigned* flags;  // one for each block, zeros
  Report* report;
};

/// A function of round and place, so that neither an old value nor another's is right.
__device__ __forceinline__ unsigned value_of(int round, int place) {
  return unsigned(round) * 0x9E3779B9u + unsigned(place) * 0x85EBCA6Bu;
}
__device__ __forceinline__ uint4 piece_of(int round, int piece) {
  return {value_of(round, 4 * piece), value_of(round, 4 * piece + 1),
          value_of(round, 4 * piece + 2), value_of(round, 4 * piece + 3)};
}

/// The places of `total` that are `rank`'s among `count`.
struct Part {
  int begin, end;
};
__device__ __forceinline__ Part part_of(int total, int rank, int count) {
  return {total * rank / count, total * (rank + 1) / count};
}

/// Ends waiting that takes too long, everywhere.
class Watch {
 public:
  explicit __device__ Watch(Report* report) : report_(report), until_(now() + patience_ns) {}

  /// Whether to give up after so many attempts. Looks at clock and flag only now and then: they
  /// would delay those who need not wait long.
  __device__ bool over(int attempts) const {
    if (attempts % 64 != 63) return false;
    volatile unsigned* gave_up = &report_->gave_up;
    if (now() > until_) *gave_up = 1;
    return *gave_up != 0;
  }

 private:
  static __device__ unsigned long long now() {
    unsigned long long ns;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(ns));
    return ns;
  }
  Report* report_;
  unsigned long long until_;
};

/// The block's dynamic shared memory.
__device__ __forceinline__ unsigned* shared_h() {
  extern __shared__ uint4 exchange_memory[];
  return reinterpret_cast<unsigned*>(exchange_memory);
}

template <class Way>
__device__ __forceinline__ void run_rounds(const Task& task) {
  Way way(task);
  const int values = task.bytes / 4;
  int first = 0, done = 0;
  bool right = true;
  for (int round = 1; round <= task.rounds; ++round) {
    way.publish(round);
    const bool got = way.gather(round);
    if (got) {
      // One value a thread, elsewhere each round; the last round is looked at as a whole.
      const bool all = task.all || round == task.rounds;
      const int end = all ? values : min(values, first + threads);
      const unsigned* h = way.h(round);
      for (int k = (all ? 0 : first) + int(threadIdx.x); k < end; k += threads)
        right &= ((h[k] ^ value_of(round, k)) & Way::bits) == 0;
      first = first + threads < values ? first + threads : 0;
    }
    if (!way.ready(got)) break;
    done = round;
  }
  way.finish();
  if (!right) atomicAdd(&task.report->wrong, 1u);
  if (threadIdx.x == 0) atomicAdd(&task.report->rounds_run, unsigned(done));
}

}  // namespace rnnbench::exchange
