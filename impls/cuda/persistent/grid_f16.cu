#include "impls/cuda/persistent/grid_instances.cuh"

namespace rnnbench::persistent {

std::vector<GridKernel> grid_kernels_f16() {
  return grid_kernels<Math::f16, halves_tiles_1, halves_tiles_3, halves_tiles_4>();
}

}  // namespace rnnbench::persistent
