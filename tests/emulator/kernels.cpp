#include "tests/emulator/kernels.hpp"

#include "impls/cuda/persistent/cluster.cuh"
#include "impls/cuda/persistent/wavefront.cuh"

namespace rnnbench::persistent {
namespace {

template <class CellT, int units, int k_lane, Math math>
KernelFunction function(bool stacked, bool few) {
  if constexpr (math == Math::f32)
    if (few) return &persistent_cluster<CellT, units, k_lane, math, true>;
  return stacked ? &persistent_wavefront<CellT, units, k_lane, math>
                 : &persistent_cluster<CellT, units, k_lane, math, false>;
}
template <class CellT, Math math>
KernelFunction function(int units, int k_lane, bool stacked, bool few) {
  if (units == 32) return function<CellT, 32, 8, math>(stacked, few);
  return k_lane == 4 ? function<CellT, 16, 4, math>(stacked, few)
                     : function<CellT, 16, 8, math>(stacked, few);
}
template <Math math>
KernelFunction function(int gates, int units, int k_lane, bool stacked, bool few) {
  if (gates == 1) return function<OneGate, math>(units, k_lane, stacked, few);
  if (gates == 3) return function<Gru, math>(units, k_lane, stacked, few);
  return function<Lstm, math>(units, k_lane, stacked, few);
}

}  // namespace

KernelFunction kernel_of(Math math, int gates, int units, int k_lane, bool stacked, bool few) {
  if (math == Math::f32) return function<Math::f32>(gates, units, k_lane, stacked, few);
  if (math == Math::tf32) return function<Math::tf32>(gates, units, k_lane, stacked, few);
  if (math == Math::f16) return function<Math::f16>(gates, units, k_lane, stacked, few);
  return function<Math::bf16>(gates, units, k_lane, stacked, few);
}

}  // namespace rnnbench::persistent
