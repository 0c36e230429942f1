#include "tests/emulator/kernels.hpp"

#include "impls/cuda/persistent/cluster.cuh"

namespace rnnbench::persistent {
namespace {

template <class CellT, Math math>
KernelFunction function(int k_lane, bool inside) {
  if (k_lane == 4)
    return inside ? &persistent_cluster<CellT, 4, math, true>
                  : &persistent_cluster<CellT, 4, math, false>;
  return inside ? &persistent_cluster<CellT, 8, math, true>
                : &persistent_cluster<CellT, 8, math, false>;
}
template <Math math>
KernelFunction function(int gates, int k_lane, bool inside) {
  if (gates == 1) return function<OneGate, math>(k_lane, inside);
  if (gates == 3) return function<Gru, math>(k_lane, inside);
  return function<Lstm, math>(k_lane, inside);
}

}  // namespace

KernelFunction kernel_of(Math math, int gates, int k_lane, bool inside) {
  if (math == Math::f32) return function<Math::f32>(gates, k_lane, inside);
  if (math == Math::tf32) return function<Math::tf32>(gates, k_lane, inside);
  if (math == Math::f16) return function<Math::f16>(gates, k_lane, inside);
  return function<Math::bf16>(gates, k_lane, inside);
}

}  // namespace rnnbench::persistent
