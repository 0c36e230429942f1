// Waiting for other blocks, with a limit.
#pragma once

#include <cstdint>

#include "impls/cuda/persistent/grid_job.hpp"
#include "impls/cuda/persistent/job.hpp"
#include "impls/cuda/persistent/primitives.cuh"

namespace rnnbench::persistent {

/// Ends a wait that takes longer than it ever should: a hang would take the machine with it. Leaves
/// a note for the host, and the launch fails. Returns when the wait began, which is asked for
/// again.
inline __device__ __noinline__ std::uint64_t check_wait(std::uint64_t began, std::uint64_t limit,
                                                        std::uint32_t* note, Waits what, int step) {
  const std::uint64_t now = nanoseconds();
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

__device__ __forceinline__ void wait(std::uint64_t* barrier, int parity, const Launch& launch,
                                     Waits what, int step) {
  if (phase_ended(barrier, parity)) return;
  Watchdog watchdog;
  while (!phase_ended(barrier, parity)) watchdog.look(launch, what, step);
}

/// Ends the launch, with a note, when a warp has waited for too long. Once for each look in vain.
/// `since` is the warp's, in shared memory: registers are full of weights.
__device__ __forceinline__ void look_again(const GridLaunch& launch, int step, unsigned& looks,
                                           volatile std::uint64_t& since) {
  if (++looks % 512) return;
  const std::uint64_t now = nanoseconds();
  if (looks == 512) since = now;
  __syncwarp();
  if (now < since + launch.limit_ns) return;
  volatile std::uint32_t* const note = launch.note;
  note[1] = static_cast<std::uint32_t>(Waits::grid);
  note[2] = static_cast<std::uint32_t>(step);
  note[3] = blockIdx.y * gridDim.x + blockIdx.x;
  note[0] = 1;
  __threadfence_system();
  __trap();
}

}  // namespace rnnbench::persistent
