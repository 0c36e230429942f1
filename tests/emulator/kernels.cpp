#include "tests/emulator/kernels.hpp"

#include "impls/cuda/persistent/cluster.cuh"
#include "impls/cuda/persistent/wavefront.cuh"

namespace rnnbench::persistent {
namespace {

template <class CellT, int units, int k_lane, Math math>
KernelFunction function(int input_steps, bool few) {
  if constexpr (math == Math::f32)
    if (few) return &persistent_cluster<CellT, units, k_lane, math, true>;
  if constexpr (may_take_one_step(CellT::gates, units, k_lane, math))
    if (input_steps == 1) return &persistent_wavefront<CellT, units, k_lane, math, 1>;
  return input_steps ? &persistent_wavefront<CellT, units, k_lane, math, 2>
                     : &persistent_cluster<CellT, units, k_lane, math, false>;
}
template <class CellT, Math math>
KernelFunction function(int units, int k_lane, int input_steps, bool few) {
  if (units == 32) return function<CellT, 32, 8, math>(input_steps, few);
  return k_lane == 4 ? function<CellT, 16, 4, math>(input_steps, few)
                     : function<CellT, 16, 8, math>(input_steps, few);
}
template <Math math>
KernelFunction function(int gates, int units, int k_lane, int input_steps, bool few) {
  if (gates == 1) return function<OneGate, math>(units, k_lane, input_steps, few);
  if (gates == 3) return function<Gru, math>(units, k_lane, input_steps, few);
  return function<Lstm, math>(units, k_lane, input_steps, few);
}

}  // namespace

KernelFunction kernel_of(Math math, int gates, int units, int k_lane, int input_steps, bool few) {
  if (math == Math::f32) return function<Math::f32>(gates, units, k_lane, input_steps, few);
  if (math == Math::tf32) return function<Math::tf32>(gates, units, k_lane, input_steps, few);
  if (math == Math::f16) return function<Math::f16>(gates, units, k_lane, input_steps, few);
  return function<Math::bf16>(gates, units, k_lane, input_steps, few);
}

}  // namespace rnnbench::persistent
