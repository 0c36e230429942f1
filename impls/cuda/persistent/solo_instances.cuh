// From the table of shapes to compiled kernels.
#pragma once

#include <utility>

#include "impls/cuda/persistent/solo.cuh"
#include "impls/cuda/persistent/solo_kernels.hpp"

namespace rnnbench::persistent {

template <Math math, std::size_t i, bool one_row>
const void* solo_function() {
  constexpr int gates = solo_shapes[i].gates;
  using CellT = std::conditional_t<gates == 1, OneGate, std::conditional_t<gates == 3, Gru, Lstm>>;
  return reinterpret_cast<const void*>(
      &persistent_solo<CellT, math, solo_shapes[i].for_rows(one_row).code(), one_row>);
}

template <Math math, std::size_t... i>
std::vector<SoloKernel> solo_kernels(std::index_sequence<i...>) {
  return {{solo_shapes[i], false, solo_function<math, i, false>()}...,
          {solo_shapes[i], true, solo_function<math, i, true>()}...};
}
template <Math math>
std::vector<SoloKernel> solo_kernels() {
  return solo_kernels<math>(std::make_index_sequence<solo_shapes.size()>());
}

}  // namespace rnnbench::persistent
