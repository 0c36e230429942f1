// Cells as the persistent kernels have them: those with one gate are one, whose activation is known
// at run time (half as many kernels), and gates are quick ones, but for f32 on the grid.
#pragma once

#include <cuda_runtime.h>

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

/// Cell::update in few instructions.
template <class Cell>
__device__ __forceinline__ void update_quickly(const float (&x)[Cell::gates],
                                               const float (&a)[Cell::gates], float& h, float& c,
                                               Activation activation) {
  Quick quick_x[Cell::gates], quick_a[Cell::gates], quick_h(h), quick_c(c);
#pragma unroll
  for (int g = 0; g < Cell::gates; ++g) quick_x[g] = Quick(x[g]), quick_a[g] = Quick(a[g]);
  update_cell<Cell>(quick_x, quick_a, quick_h, quick_c, activation);
  h = quick_h.value, c = quick_c.value;
}

}  // namespace rnnbench::persistent
