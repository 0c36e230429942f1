// For kernels whose launches overlap the ones before them (programmatic dependent launch, CC 9.0):
// overlap.cuh has the host's side.
#pragma once

#include <cuda_runtime.h>

namespace rnnbench {

/// The next launch in the stream may begin, as far as `wait_for_previous_launch`.
__device__ __forceinline__ void allow_next_launch() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}
/// What earlier launches wrote may be read after this. A no-op where launches do not overlap.
__device__ __forceinline__ void wait_for_previous_launch() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

}  // namespace rnnbench
