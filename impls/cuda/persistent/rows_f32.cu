#include "impls/cuda/persistent/rows_instances.cuh"

namespace rnnbench::persistent {

std::vector<RowsKernel> rows_kernels_f32() { return rows_kernels<Math::f32>(); }

}  // namespace rnnbench::persistent
