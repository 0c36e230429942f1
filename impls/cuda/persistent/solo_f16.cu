#include "impls/cuda/persistent/solo_instances.cuh"

namespace rnnbench::persistent {

std::vector<SoloKernel> solo_kernels_f16() { return solo_kernels<Math::f16>(); }

}  // namespace rnnbench::persistent
