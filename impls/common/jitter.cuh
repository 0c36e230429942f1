// Pauses of random length before a kernel publishes or waits: in a build with RNNBENCH_JITTER, for
// tests. What runs right only because blocks keep pace with each other then goes wrong.
#pragma once

#include <cuda_runtime.h>

namespace rnnbench {

#ifdef RNNBENCH_JITTER
/// Of sixteen calls one takes up to 2 us, the others nothing. The clock makes every run another;
/// lanes that come here together read the same one, so they pause together.
__device__ __forceinline__ void jitter() {
  unsigned random;
  asm volatile("mov.u32 %0, %%clock;" : "=r"(random));
  random ^= (blockIdx.y * gridDim.x + blockIdx.x) * 0x9e3779b9u ^ threadIdx.x / 32 * 0x85ebca6bu;
  random = (random ^ random >> 16) * 0x7feb352du;
  random = (random ^ random >> 15) * 0x846ca68bu;
  random ^= random >> 16;
  asm volatile(
      "{ .reg .pred p; setp.lt.u32 p, %0, 0x10000000; @p nanosleep.u32 %1; }" ::"r"(random),
      "r"(random % 1024)  // up to twice as long
      : "memory");
}
#else
__device__ __forceinline__ void jitter() {}
#endif

}  // namespace rnnbench
