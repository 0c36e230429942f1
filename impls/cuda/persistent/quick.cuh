// Gates in few instructions, for kernels whose steps are a chain of them: a sigmoid is two
// instructions of the special function units and two more, where the one of cells.hpp takes a
// dozen.
//
// Cells are written once, for any type: given `Quick` in the place of float, Cell::update calls
// these functions. Absolute errors are those of f32 (a sigmoid within 1.5e-7, tanh within
// 2.5e-7); what is given up is the relative error of sigmoids near 0. `Rough` is for states stored
// in 16 bits: the hardware's tanh, one instruction, wrong by no more than rounding to f16 is.
#pragma once

#include <cmath>

#include "impls/cells/cells.hpp"

namespace rnnbench::persistent {

struct Quick {
  float value;
  Quick() = default;
  RNNBENCH_HOST_DEVICE explicit Quick(float of) : value(of) {}
};

RNNBENCH_HOST_DEVICE Quick operator+(Quick a, Quick b) { return Quick(a.value + b.value); }
RNNBENCH_HOST_DEVICE Quick operator-(Quick a, Quick b) { return Quick(a.value - b.value); }
RNNBENCH_HOST_DEVICE Quick operator*(Quick a, Quick b) { return Quick(a.value * b.value); }
RNNBENCH_HOST_DEVICE bool operator<(Quick a, Quick b) { return a.value < b.value; }

/// 2^x, infinite where that is too large.
RNNBENCH_HOST_DEVICE float quick_exp2(float x) {
#ifdef __CUDA_ARCH__
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return std::exp2(x);
#endif
}

/// 1 / x for x from 1 to infinity.
RNNBENCH_HOST_DEVICE float quick_reciprocal(float x) {
#ifdef __CUDA_ARCH__
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return 1 / x;
#endif
}

/// 1 / (1 + e^-x).
RNNBENCH_HOST_DEVICE Quick sigmoid(Quick x) {
  constexpr float log2_e = 1.44269504f;
  return Quick(quick_reciprocal(1 + quick_exp2(-log2_e * x.value)));
}

/// 1 - 2 / (e^2|x| + 1) with the sign of x, and near 0, where that cancels, x + x^3 p(x^2). Both
/// are made and one is taken, as CUDA's own tanhf does, whose polynomial this is.
RNNBENCH_HOST_DEVICE Quick tanh_gate(Quick x) {
  constexpr float two_log2_e = 2.88539008f;
  const float size = std::fabs(x.value), square = x.value * x.value;
  const float large = 1 - 2 * quick_reciprocal(1 + quick_exp2(two_log2_e * size));
  float p = 0.0157396831f;
  p = p * square - 0.0523039624f;
  p = p * square + 0.133152977f;
  p = p * square - 0.333327681f;
  const float small = p * square * x.value + x.value;
  return Quick(size < 0.6f ? small : std::copysign(large, x.value));
}

struct Rough {
  float value;
  Rough() = default;
  RNNBENCH_HOST_DEVICE explicit Rough(float of) : value(of) {}
};

RNNBENCH_HOST_DEVICE Rough operator+(Rough a, Rough b) { return Rough(a.value + b.value); }
RNNBENCH_HOST_DEVICE Rough operator-(Rough a, Rough b) { return Rough(a.value - b.value); }
RNNBENCH_HOST_DEVICE Rough operator*(Rough a, Rough b) { return Rough(a.value * b.value); }
RNNBENCH_HOST_DEVICE bool operator<(Rough a, Rough b) { return a.value < b.value; }

RNNBENCH_HOST_DEVICE Rough tanh_gate(Rough x) {
#ifdef __CUDA_ARCH__
  float y;
  asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x.value));
  return Rough(y);
#else
  return Rough(std::tanh(x.value));
#endif
}

/// (1 + tanh(x / 2)) / 2.
RNNBENCH_HOST_DEVICE Rough sigmoid(Rough x) {
  return Rough(0.5f * tanh_gate(Rough(0.5f * x.value)).value + 0.5f);
}

}  // namespace rnnbench::persistent
