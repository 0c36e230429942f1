// From shapes to compiled kernels.
#pragma once

#include "impls/cuda/persistent/cluster.cuh"
#include "impls/cuda/persistent/kernels.hpp"
#include "impls/cuda/persistent/wavefront.cuh"

namespace rnnbench::persistent {

template <Math math, class Cell, int units, int k_lane>
void add_kernels(std::vector<ClusterKernel>& list) {
  const auto add = [&](int input_steps, bool few, auto* function) {
    list.push_back(
        {Cell::gates, units, k_lane, input_steps, few, reinterpret_cast<const void*>(function)});
  };
  add(0, false, &persistent_cluster<Cell, units, k_lane, math, false>);
  // Both of its weights in f32 leave such a block room for three rows at most.
  if constexpr (units == 16 || Cell::gates < 4 || math != Math::f32)
    add(2, false, &persistent_wavefront<Cell, units, k_lane, math, 2>);
  if constexpr (may_take_one_step(Cell::gates, units, k_lane, math))
    add(1, false, &persistent_wavefront<Cell, units, k_lane, math, 1>);
  if constexpr (math == Math::f32)
    add(0, true, &persistent_cluster<Cell, units, k_lane, math, true>);
}

template <Math math>
std::vector<ClusterKernel> cluster_kernels() {
  std::vector<ClusterKernel> list;
  add_kernels<math, OneGate, 16, 4>(list);
  add_kernels<math, OneGate, 16, 8>(list);
  add_kernels<math, OneGate, 32, 8>(list);
  add_kernels<math, Gru, 16, 4>(list);
  add_kernels<math, Gru, 16, 8>(list);
  add_kernels<math, Gru, 32, 8>(list);
  add_kernels<math, Lstm, 16, 4>(list);
  add_kernels<math, Lstm, 16, 8>(list);
  add_kernels<math, Lstm, 32, 8>(list);
  return list;
}

}  // namespace rnnbench::persistent
