// The SIMD kernels for each kind of vectors, and the choice among them.
#include "impls/common/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "impls/cpu/simd/simd.cpp"
#include <hwy/foreach_target.h>  // includes this file once for each target
#include <hwy/highway.h>

#include "impls/cpu/simd/step-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace rnnbench::HWY_NAMESPACE {

template <class Gate>
HWY_INLINE void map(const float* from, Index count, float* to, const Gate& gate) {
  const Floats d;
  const auto lanes = Index(hn::Lanes(d));
  for (Index k = 0; k < count; k += lanes) {
    const auto n = std::size_t(std::min(lanes, count - k));
    HWY_ALIGN float values[HWY_MAX_BYTES / 4] = {};
    std::copy_n(from + k, n, values);
    hn::Store(gate(hn::Load(d, values)), d, values);
    std::copy_n(values, n, to + k);
  }
}

void all_sigmoids(const float* from, Index count, float* to) {
  map(from, count, to, [](Vector x) HWY_ATTR { return sigmoid(Floats(), x); });
}
void all_tanhs(const float* from, Index count, float* to) {
  map(from, count, to, [](Vector x) HWY_ATTR { return tanh_gate(Floats(), x); });
}
void one_product(const ProductJob& job) { product(job); }
void one_step(const StepJob& job) { step(job); }

SimdKernels kernels() {
  return {hwy::TargetName(HWY_TARGET),
          static_cast<int>(hn::Lanes(Floats())),
          one_product,
          one_step,
          all_sigmoids,
          all_tanhs};
}

}  // namespace rnnbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rnnbench {

HWY_EXPORT(kernels);

const std::vector<SimdKernels>& simd_kernels() {
  static const std::vector<SimdKernels> all = [] {
    std::vector<SimdKernels> found;
    for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
      hwy::SetSupportedTargetsForTest(target);  // the one way to ask for a kind by name
      hwy::GetChosenTarget().Update(hwy::SupportedTargets());
      found.push_back(HWY_DYNAMIC_DISPATCH(kernels)());
    }
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    return found;
  }();
  return all;
}

}  // namespace rnnbench
#endif
