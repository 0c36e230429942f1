// Gates and cells, once, for host and device: the scalar maths of one hidden unit.
//
// A cell is a policy with no state. Every strategy (a naive loop, a GEMM with a pointwise pass, a
// fused kernel) computes the products its own way and then calls
//
//   Cell::update(x, a, h, c)
//     x[gates]  W_ih·x_t + b_ih of this unit, one value a gate, in the order of the weights' rows
//     a[gates]  W_hh·h   + b_hh of this unit
//     h, c      the unit's state before the step; replaced by the state after it (c: lstm only)
//
// Where `adds_products` holds for a gate, only x + a matters, so both biases may be folded into
// either side and both products summed in one accumulator.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "harness/problem.hpp"

#ifdef __CUDACC__
#define RNNBENCH_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define RNNBENCH_HOST_DEVICE inline __attribute__((always_inline))
#endif

namespace rnnbench {
namespace gate_maths {

/// e^-|x| in two parts: scale + scale * excess. Kept apart because e^-|x| - 1 near 0 is the excess
/// alone, with no cancellation.
struct SplitExp {
  float scale, excess;
};

template <class To, class From>
RNNBENCH_HOST_DEVICE To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

/// Host only. Selects are masks and there is no branch, call or floating-point comparison: those
/// kept compilers from vectorising a loop over it, and then it costs six times as much. Beyond |x|
/// = 87, where e^-|x| leaves the normal range, it stays at e^-87; a NaN comes out as NaN.
RNNBENCH_HOST_DEVICE SplitExp split_exp(float x) {
  const std::int32_t limit = 0x42ae0000, infinity = 0x7f800000;  // 87.0f, +inf
  std::int32_t magnitude = bits_as<std::int32_t>(x) & 0x7fffffff;
  const std::int32_t clamp = ((limit - magnitude) & (magnitude - infinity - 1)) >> 31;  // all bits
  magnitude = (limit & clamp) | (magnitude & ~clamp);
  const float y = -bits_as<float>(magnitude);
  const float shifter = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  const float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;  // n * ln2_high is exact
  const float shifted = y * 1.44269504f + shifter;
  const float n = shifted - shifter;
  const float r = (y - n * ln2_high) - n * ln2_low;  // |r| <= ln(2) / 2
  // Taylor to degree 7: the term left out is under 2^-24 of the sum at the ends of the interval.
  float q = 1.0f / 5040;
  q = q * r + 1.0f / 720;
  q = q * r + 1.0f / 120;
  q = q * r + 1.0f / 24;
  q = q * r + 1.0f / 6;
  q = q * r + 0.5f;
  return {bits_as<float>((bits_as<std::uint32_t>(shifted) + 127u) << 23), r + r * r * q};
}

/// e^-|x|.
template <class T>
RNNBENCH_HOST_DEVICE T exp_minus_abs(T x) {
#ifndef __CUDA_ARCH__
  if constexpr (std::is_same_v<T, float>) {
    const SplitExp e = split_exp(x);
    return e.scale + e.scale * e.excess;
  }
#endif
  using std::exp, std::fabs;
  return exp(-fabs(x));
}

/// e^-|x| - 1, to a few ulp also near 0.
template <class T>
RNNBENCH_HOST_DEVICE T expm1_minus_abs(T x) {
#ifndef __CUDA_ARCH__
  if constexpr (std::is_same_v<T, float>) {
    const SplitExp e = split_exp(x);
    return (e.scale - 1.0f) + e.scale * e.excess;
  }
#endif
  using std::expm1, std::fabs;
  return expm1(-fabs(x));
}

/// `negative` where x has its sign bit set, else `positive`.
template <class T>
RNNBENCH_HOST_DEVICE T by_sign(T x, T negative, T positive) {
#ifndef __CUDA_ARCH__
  if constexpr (std::is_same_v<T, float>) {
    const std::int32_t mask = bits_as<std::int32_t>(x) >> 31;
    return bits_as<float>((bits_as<std::int32_t>(negative) & mask) |
                          (bits_as<std::int32_t>(positive) & ~mask));
  }
#endif
  return x < T(0) ? negative : positive;
}

/// a / b for b between 1 and 2.
template <class T>
RNNBENCH_HOST_DEVICE T divide(T a, T b) {
#ifdef __CUDA_ARCH__
  if constexpr (std::is_same_v<T, float>) return __fdividef(a, b);  // 2 ulp, no slow path
#endif
  return a / b;
}

}  // namespace gate_maths

/// 1 / (1 + e^-x). Only ever takes e to a power <= 0, so nothing overflows; relative error of a few
/// ulp on both sides (f32: the left tail ends at e^-87 instead of 0 on the host).
template <class T>
RNNBENCH_HOST_DEVICE T sigmoid(T x) {
  const T e = gate_maths::exp_minus_abs(x);
  return gate_maths::divide(gate_maths::by_sign(x, e, T(1)), T(1) + e);
}

/// tanh(x) = -expm1(-2|x|) / (2 + expm1(-2|x|)) with the sign of x; a few ulp everywhere.
template <class T>
RNNBENCH_HOST_DEVICE T tanh_gate(T x) {
  using std::copysign;
  const T m = gate_maths::expm1_minus_abs(T(2) * x);
  return copysign(gate_maths::divide(m, T(2) + m), x);
}

struct RnnTanh {
  static constexpr int gates = 1;
  static constexpr bool has_c = false;
  RNNBENCH_HOST_DEVICE static constexpr bool adds_products(int) { return true; }
  template <class T>
  RNNBENCH_HOST_DEVICE static void update(const T (&x)[gates], const T (&a)[gates], T& h, T&) {
    h = tanh_gate(x[0] + a[0]);
  }
};

struct RnnRelu {
  static constexpr int gates = 1;
  static constexpr bool has_c = false;
  RNNBENCH_HOST_DEVICE static constexpr bool adds_products(int) { return true; }
  template <class T>
  RNNBENCH_HOST_DEVICE static void update(const T (&x)[gates], const T (&a)[gates], T& h, T&) {
    const T sum = x[0] + a[0];
    h = sum < T(0) ? T(0) : sum;  // written so that a NaN stays one
  }
};

/// Rows r, z, n; reset after the product, as torch, cuDNN and oneDNN's LBR GRU have it.
struct Gru {
  static constexpr int gates = 3;
  static constexpr bool has_c = false;
  RNNBENCH_HOST_DEVICE static constexpr bool adds_products(int gate) { return gate < 2; }
  template <class T>
  RNNBENCH_HOST_DEVICE static void update(const T (&x)[gates], const T (&a)[gates], T& h, T&) {
    const T r = sigmoid(x[0] + a[0]);
    const T z = sigmoid(x[1] + a[1]);
    const T n = tanh_gate(x[2] + r * a[2]);
    h = n + z * (h - n);
  }
};

/// Rows i, f, g, o.
struct Lstm {
  static constexpr int gates = 4;
  static constexpr bool has_c = true;
  RNNBENCH_HOST_DEVICE static constexpr bool adds_products(int) { return true; }
  template <class T>
  RNNBENCH_HOST_DEVICE static void update(const T (&x)[gates], const T (&a)[gates], T& h, T& c) {
    const T i = sigmoid(x[0] + a[0]);
    const T f = sigmoid(x[1] + a[1]);
    const T g = tanh_gate(x[2] + a[2]);
    const T o = sigmoid(x[3] + a[3]);
    c = f * c + i * g;
    h = o * tanh_gate(c);
  }
};

/// Calls f with the policy of `cell`: `with_cell(p.cell, [&](auto cell) { run<decltype(cell)>();
/// })`.
template <class F>
decltype(auto) with_cell(Cell cell, F&& f) {
  switch (cell) {
    case Cell::rnn_tanh:
      return f(RnnTanh{});
    case Cell::rnn_relu:
      return f(RnnRelu{});
    case Cell::gru:
      return f(Gru{});
    case Cell::lstm:
      break;
  }
  return f(Lstm{});
}

}  // namespace rnnbench
