#include "impls/cuda/persistent/instances.cuh"

namespace rnnbench::persistent {

std::vector<ClusterKernel> cluster_kernels_tf32() { return cluster_kernels<Math::tf32>(); }

}  // namespace rnnbench::persistent
