// A cell with one gate, whose activation is known at run time: half as many kernels.
#pragma once

#include <cuda_runtime.h>

#include "impls/cells/cells.hpp"
#include "impls/cuda/persistent/job.hpp"
#include "impls/cuda/persistent/quick.cuh"

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

}  // namespace rnnbench::persistent
