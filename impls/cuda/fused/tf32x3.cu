#include "impls/cuda/fused/instances.cuh"

namespace rnnbench::fused {

std::span<const StepKernel> tf32x3_kernels() {
  static const auto list =
      step_kernels<Product::tf32x3, mma_tiles_1, tf32x3_tiles_3, tf32x3_tiles_4>();
  return list;
}

}  // namespace rnnbench::fused
