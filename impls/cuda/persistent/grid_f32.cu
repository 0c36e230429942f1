#include "impls/cuda/persistent/grid_instances.cuh"

namespace rnnbench::persistent {

std::vector<GridKernel> grid_kernels_f32() {
  return grid_kernels<Math::f32, f32_tiles_1, f32_tiles_3, f32_tiles_4>();
}

}  // namespace rnnbench::persistent
