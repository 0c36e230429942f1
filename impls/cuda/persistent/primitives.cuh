// Waiting, and writing into the shared memory of other blocks of a cluster: CC 9.0.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "impls/common/bulk_copy.cuh"
#include "impls/cuda/persistent/job.hpp"

namespace rnnbench::persistent {

enum class Waits : std::uint32_t { hidden = 1, below = 2, grid = 3 };

/// Ends a wait that takes longer than it ever should: a hang would take the machine with it. Leaves
/// a note for the host, and the launch fails. Returns when the wait began, which is asked for
/// again.
inline __device__ __noinline__ std::uint64_t check_wait(std::uint64_t began, std::uint64_t limit,
                                                        std::uint32_t* note, Waits what, int step) {
  std::uint64_t now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  if (began == 0) return now;
  if (now - began < limit) return began;
  note[1] = static_cast<std::uint32_t>(what);
  note[2] = static_cast<std::uint32_t>(step);
  note[3] = blockIdx.x;
  note[0] = 1;
  __threadfence_system();
  __trap();
  return began;
}

class Watchdog {
 public:
  /// Once for each look in vain.
  __device__ __forceinline__ void look(const Launch& launch, Waits what, int step) {
    if ((++looks_ & 0xff) == 0)
      began_ = check_wait(began_, launch.limit_ns, launch.note, what, step);
  }

 private:
  std::uint32_t looks_ = 0;
  std::uint64_t began_ = 0;
};

/// Until the phase of that parity has ended. What other blocks of the cluster wrote before they
/// ended it is seen after.
__device__ __forceinline__ bool phase_ended(std::uint64_t* barrier, int parity) {
  int done;
  asm volatile(
      "{\n.reg .pred p;\n"
      "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], %2;\n"
      "selp.s32 %0, 1, 0, p;\n}"
      : "=r"(done)
      : "r"(shared_address(barrier)), "r"(parity)
      : "memory");
  return done;
}
__device__ __forceinline__ void wait(std::uint64_t* barrier, int parity, const Launch& launch,
                                     Waits what, int step) {
  if (phase_ended(barrier, parity)) return;
  Watchdog watchdog;
  while (!phase_ended(barrier, parity)) watchdog.look(launch, what, step);
}

/// Where an address of this block's shared memory lies in that of block `rank`.
__device__ __forceinline__ std::uint32_t in_block(std::uint32_t address, int rank) {
  std::uint32_t remote;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(remote) : "r"(address), "r"(rank));
  return remote;
}

/// 16 bytes to shared memory of the cluster, counted by `barrier` of the same block.
__device__ __forceinline__ void store_async(std::uint32_t to, float4 value, std::uint32_t barrier) {
  asm volatile(
      "st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%0], {%1, %2, %3, %4}, "
      "[%5];" ::"r"(to),
      "r"(__float_as_uint(value.x)), "r"(__float_as_uint(value.y)), "r"(__float_as_uint(value.z)),
      "r"(__float_as_uint(value.w)), "r"(barrier)
      : "memory");
}

/// Meeting point `id` of `threads` threads of the block, some of which may only pass by (`arrive`).
__device__ __forceinline__ void meet(int id, int threads) {
  asm volatile("barrier.cta.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
__device__ __forceinline__ void arrive(int id, int threads) {
  asm volatile("barrier.cta.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// Values with the tag of their step: one access each, so that whoever sees the tag sees the value,
// and no fence or flag is needed between the layers.
__device__ __forceinline__ std::uint64_t tagged(float value, std::uint32_t tag) {
  return std::uint64_t{tag} << 32 | __float_as_uint(value);
}
__device__ __forceinline__ std::uint32_t tag_of(std::uint64_t word) {
  return static_cast<std::uint32_t>(word >> 32);
}
__device__ __forceinline__ float value_of(std::uint64_t word) {
  return __uint_as_float(static_cast<std::uint32_t>(word));
}
struct TaggedPair {
  std::uint64_t first, second;
};
__device__ __forceinline__ TaggedPair load_tagged(const std::uint64_t* from) {
  TaggedPair pair;
  asm volatile("ld.relaxed.gpu.global.v2.u64 {%0, %1}, [%2];"
               : "=l"(pair.first), "=l"(pair.second)
               : "l"(from)
               : "memory");
  return pair;
}
__device__ __forceinline__ void store_tagged(std::uint64_t* to, TaggedPair pair) {
  asm volatile("st.relaxed.gpu.global.v2.u64 [%0], {%1, %2};" ::"l"(to), "l"(pair.first),
               "l"(pair.second)
               : "memory");
}

}  // namespace rnnbench::persistent
