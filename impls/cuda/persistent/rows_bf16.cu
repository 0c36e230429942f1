#include "impls/cuda/persistent/rows_instances.cuh"

namespace rnnbench::persistent {

std::vector<RowsKernel> rows_kernels_bf16() { return rows_kernels<Math::bf16>(); }

}  // namespace rnnbench::persistent
