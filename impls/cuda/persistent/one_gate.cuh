// Cells as the persistent kernels have them: those with one gate are one, whose activation is known
// at run time (half as many kernels), and formats of few bits have quick gates.
#pragma once

#include <cuda_runtime.h>

#include "impls/cells/cells.hpp"
#include "impls/cuda/persistent/job.hpp"
#include "impls/cuda/persistent/primitives.cuh"
#include "impls/cuda/persistent/shape.hpp"

namespace rnnbench::persistent {

struct OneGate {
  static constexpr int gates = 1;
  static constexpr bool has_c = false;
  __device__ static constexpr bool adds_products(int) { return true; }
};

/// A value of a format of 11 bits or less: gates are worked out with the hardware's e^x and 1/x,
/// whose results are off by 2^-22 or so of the largest that a gate can be.
struct Quick {
  float value;
  Quick() = default;
  __device__ __forceinline__ explicit Quick(float v) : value(v) {}
  __device__ __forceinline__ friend Quick operator+(Quick a, Quick b) {
    return Quick(a.value + b.value);
  }
  __device__ __forceinline__ friend Quick operator-(Quick a, Quick b) {
    return Quick(a.value - b.value);
  }
  __device__ __forceinline__ friend Quick operator*(Quick a, Quick b) {
    return Quick(a.value * b.value);
  }
  __device__ __forceinline__ friend bool operator<(Quick a, Quick b) { return a.value < b.value; }
};
/// 1 / (1 + 2^x).
__device__ __forceinline__ float quick_inverse(float x) {
  return reciprocal(1.0f + power_of_two(x));
}
__device__ __forceinline__ Quick sigmoid(Quick x) {
  return Quick(quick_inverse(x.value * -1.44269504f));
}
__device__ __forceinline__ Quick tanh_gate(Quick x) {
  return Quick(fmaf(-2.0f, quick_inverse(x.value * 2.88539008f), 1.0f));
}

template <class Cell, class T>
__device__ __forceinline__ void update_any(const T (&x)[Cell::gates], const T (&a)[Cell::gates],
                                           T& h, T& c, Activation activation) {
  if constexpr (Cell::gates > 1)
    Cell::update(x, a, h, c);
  else if (activation == Activation::tanh)
    RnnTanh::update(x, a, h, c);
  else
    RnnRelu::update(x, a, h, c);
}

/// As Cell::update does for cells that know their activation.
template <class Cell, Math math>
__device__ __forceinline__ void update_cell(const float (&x)[Cell::gates],
                                            const float (&a)[Cell::gates], float& h, float& c,
                                            Activation activation) {
  if constexpr (math == Math::f32) {
    update_any<Cell>(x, a, h, c, activation);
  } else {
    Quick quick_x[Cell::gates], quick_a[Cell::gates], quick_h(h), quick_c(c);
#pragma unroll
    for (int g = 0; g < Cell::gates; ++g) quick_x[g] = Quick(x[g]), quick_a[g] = Quick(a[g]);
    update_any<Cell>(quick_x, quick_a, quick_h, quick_c, activation);
    h = quick_h.value, c = quick_c.value;
  }
}

}  // namespace rnnbench::persistent
