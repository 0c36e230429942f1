// Cells as the persistent kernels have them: those with one gate are one, whose activation is known
// at run time (half as many kernels), and gates are quick ones, but for f32 on the grid.
#pragma once

#include <cuda_runtime.h>

#include <type_traits>

#include "impls/cells/cells.hpp"
#include "impls/cuda/persistent/job.hpp"
#include "impls/cuda/persistent/quick.cuh"
#include "impls/cuda/persistent/shape.hpp"

namespace rnnbench::persistent {

struct OneGate {
  static constexpr int gates = 1;
  static constexpr bool has_c = false;
  __device__ static constexpr bool adds_products(int) { return true; }
};

/// As Cell::update does for cells that know their activation. T: float or Quick.
template <class Cell, class T>
__device__ __forceinline__ void update_cell(const T (&x)[Cell::gates], const T (&a)[Cell::gates],
                                            T& h, T& c, Activation activation) {
  if constexpr (Cell::gates > 1) {
    Cell::update(x, a, h, c);
  } else if (activation == Activation::tanh) {
    RnnTanh::update(x, a, h, c);
  } else {
    RnnRelu::update(x, a, h, c);
  }
}

/// Cell::update in few instructions, as exact as the state that is kept.
template <class Cell, Math math>
__device__ __forceinline__ void update_quickly(const float (&x)[Cell::gates],
                                               const float (&a)[Cell::gates], float& h, float& c,
                                               Activation activation) {
  using Gate = std::conditional_t<math == Math::f16 || math == Math::bf16, Rough, Quick>;
  Gate gate_x[Cell::gates], gate_a[Cell::gates], gate_h(h), gate_c(c);
#pragma unroll
  for (int g = 0; g < Cell::gates; ++g) gate_x[g] = Gate(x[g]), gate_a[g] = Gate(a[g]);
  update_cell<Cell>(gate_x, gate_a, gate_h, gate_c, activation);
  h = gate_h.value, c = gate_c.value;
}

}  // namespace rnnbench::persistent
