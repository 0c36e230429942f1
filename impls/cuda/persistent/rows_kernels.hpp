// The persistent rows kernels that were compiled, for the host.
#pragma once

#include <vector>

#include "impls/cuda/persistent/rows_shapes.hpp"

namespace rnnbench::persistent {

struct RowsKernel {
  RowsShape shape;
  const void* function;  // __global__ void(GridLaunch)
};

/// One for each shape; each list is compiled in a file of its own. tf32 takes those of f32.
std::vector<RowsKernel> rows_kernels_f32();
std::vector<RowsKernel> rows_kernels_f16();
std::vector<RowsKernel> rows_kernels_bf16();

}  // namespace rnnbench::persistent
