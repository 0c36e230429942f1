#include "impls/cuda/persistent/solo_instances.cuh"

namespace rnnbench::persistent {

std::vector<SoloKernel> solo_kernels_bf16() { return solo_kernels<Math::bf16>(); }

}  // namespace rnnbench::persistent
