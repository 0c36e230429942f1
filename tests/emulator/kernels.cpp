#include "tests/emulator/kernels.hpp"

#include "impls/cuda/persistent/cluster.cuh"

namespace rnnbench::persistent {
namespace {

template <class CellT, Math math>
KernelFunction function(int k_lane, bool stacked) {
  if (k_lane == 4)
    return stacked ? &persistent_cluster<CellT, 4, math, true>
                   : &persistent_cluster<CellT, 4, math, false>;
  return stacked ? &persistent_cluster<CellT, 8, math, true>
                 : &persistent_cluster<CellT, 8, math, false>;
}
template <Math math>
KernelFunction function(int gates, int k_lane, bool stacked) {
  if (gates == 1) return function<OneGate, math>(k_lane, stacked);
  if (gates == 3) return function<Gru, math>(k_lane, stacked);
  return function<Lstm, math>(k_lane, stacked);
}

}  // namespace

KernelFunction kernel_of(Math math, int gates, int k_lane, bool stacked) {
  if (math == Math::f32) return function<Math::f32>(gates, k_lane, stacked);
  if (math == Math::tf32) return function<Math::tf32>(gates, k_lane, stacked);
  if (math == Math::f16) return function<Math::f16>(gates, k_lane, stacked);
  return function<Math::bf16>(gates, k_lane, stacked);
}

}  // namespace rnnbench::persistent
