#include "impls/cuda/persistent/grid_instances.cuh"

namespace rnnbench::persistent {

std::vector<GridKernel> grid_kernels_tf32() {
  return grid_kernels<Math::tf32, tf32_tiles_1, tf32_tiles_3, tf32_tiles_4>();
}

}  // namespace rnnbench::persistent
