#include "impls/cuda/persistent/instances.cuh"

namespace rnnbench::persistent {

std::vector<ClusterKernel> cluster_kernels_bf16() { return cluster_kernels<Math::bf16>(); }

}  // namespace rnnbench::persistent
