#include "impls/cuda/persistent/instances.cuh"

namespace rnnbench::persistent {

std::vector<ClusterKernel> cluster_kernels_f16() { return cluster_kernels<Math::f16>(); }

}  // namespace rnnbench::persistent
