// The persistent solo kernels that were compiled, for the host.
#pragma once

#include <vector>

#include "impls/cuda/persistent/solo_shapes.hpp"

namespace rnnbench::persistent {

struct SoloKernel {
  SoloShape shape;
  bool one_row;          // of the batch, in each block
  const void* function;  // __global__ void(SoloLaunch)
};

/// Two for each shape; each list is compiled in a file of its own. tf32 takes those of f32.
std::vector<SoloKernel> solo_kernels_f32();
std::vector<SoloKernel> solo_kernels_f16();
std::vector<SoloKernel> solo_kernels_bf16();

}  // namespace rnnbench::persistent
