#include "impls/cuda/persistent/instances.cuh"

namespace rnnbench::persistent {

std::vector<ClusterKernel> cluster_kernels_f32() { return cluster_kernels<Math::f32>(); }

}  // namespace rnnbench::persistent
