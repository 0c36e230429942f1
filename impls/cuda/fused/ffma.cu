#include "impls/cuda/fused/instances.cuh"

namespace rnnbench::fused {

std::span<const StepKernel> ffma_kernels() {
  static const auto list = step_kernels<Product::ffma, ffma_tiles_1, ffma_tiles_3, ffma_tiles_4>();
  return list;
}

}  // namespace rnnbench::fused
