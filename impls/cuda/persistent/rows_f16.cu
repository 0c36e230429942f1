#include "impls/cuda/persistent/rows_instances.cuh"

namespace rnnbench::persistent {

std::vector<RowsKernel> rows_kernels_f16() { return rows_kernels<Math::f16>(); }

}  // namespace rnnbench::persistent
