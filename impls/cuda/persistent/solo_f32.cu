#include "impls/cuda/persistent/solo_instances.cuh"

namespace rnnbench::persistent {

std::vector<SoloKernel> solo_kernels_f32() { return solo_kernels<Math::f32>(); }

}  // namespace rnnbench::persistent
