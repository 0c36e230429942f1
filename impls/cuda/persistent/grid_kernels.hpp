// The persistent grid kernels that were compiled, for the host.
#pragma once

#include <vector>

#include "impls/cuda/persistent/grid_tiles.hpp"

namespace rnnbench::persistent {

struct GridKernel {
  int gates;
  GridTile tile;
  const void* function;  // __global__ void(GridLaunch)
};

/// One for each tile and number of gates; each list is compiled in a file of its own.
std::vector<GridKernel> grid_kernels_f32();
std::vector<GridKernel> grid_kernels_tf32();
std::vector<GridKernel> grid_kernels_f16();
std::vector<GridKernel> grid_kernels_bf16();

}  // namespace rnnbench::persistent
