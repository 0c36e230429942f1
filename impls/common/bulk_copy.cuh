// Copies of tensor boxes by the Tensor Memory Accelerator and the barriers they report to: CC 9.0.
#pragma once

#include <cuda.h>

#include <cstdint>

#include "impls/common/async_copy.cuh"
#include "impls/common/jitter.cuh"

namespace rnnbench {

__device__ __forceinline__ void barrier_init(std::uint64_t* barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
               "r"(arrivals)
               : "memory");
}
/// Makes initialised barriers known to copies and to the other blocks of the cluster.
__device__ __forceinline__ void barriers_ready() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
/// Arrives, and lets the phase end only when `bytes` have been copied as well.
__device__ __forceinline__ void barrier_expect(std::uint64_t* barrier, int bytes) {
  jitter();
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}
/// Arrives at the barrier of that place in block `rank` of the cluster. Orders nothing beyond this
/// block's own accesses: arrivals and waits of cluster scope made the wgmma kernel 1.3 to 1.4 times
/// as slow.
__device__ __forceinline__ void barrier_arrive(std::uint64_t* barrier, int rank) {
  jitter();
  asm volatile(
      "{\n.reg .b32 remote;\n"
      "mapa.shared::cluster.u32 remote, %0, %1;\n"
      "mbarrier.arrive.shared::cluster.b64 _, [remote];\n}" ::"r"(shared_address(barrier)),
      "r"(rank)
      : "memory");
}
/// Until the phase of that parity has ended.
__device__ __forceinline__ void barrier_wait(std::uint64_t* barrier, int parity) {
  jitter();
  asm volatile(
      "{\n.reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@done bra over;\n"
      "bra again;\n"
      "over:\n}" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
}

__device__ __forceinline__ void cluster_arrive_and_wait() {
  jitter();
  asm volatile(
      "barrier.cluster.arrive.release.aligned;\n"
      "barrier.cluster.wait.acquire.aligned;" ::
          : "memory");
}
__device__ __forceinline__ int cluster_rank() {
  int rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}

/// Makes what this thread wrote to shared memory known to wgmma.
__device__ __forceinline__ void shared_writes_ready() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// Before the first copy by a map that lies in global memory.
__device__ __forceinline__ void map_acquire(const CUtensorMap* map) {
  asm volatile("fence.proxy.tensormap::generic.acquire.sys [%0], 128;" ::"l"(map) : "memory");
}

/// The box of `map` at (x, y, z) to `to`, counted by `barrier`; beyond the tensor zeros.
__device__ __forceinline__ void copy_box(void* to, const CUtensorMap* map, int x, int y, int z,
                                         std::uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%2, %3, %4}], [%5];" ::"r"(shared_address(to)),
      "l"(map), "r"(x), "r"(y), "r"(z), "r"(shared_address(barrier))
      : "memory");
}
/// The same to every block of the cluster whose bit is set, counted by each block's own barrier.
__device__ __forceinline__ void copy_box_to(std::uint16_t blocks, void* to, const CUtensorMap* map,
                                            int x, int y, int z, std::uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
      ".multicast::cluster [%0], [%1, {%2, %3, %4}], [%5], %6;" ::"r"(shared_address(to)),
      "l"(map), "r"(x), "r"(y), "r"(z), "r"(shared_address(barrier)), "h"(blocks)
      : "memory");
}

}  // namespace rnnbench
