// The pass after the products: gates, and the state they make, for a block of [batch, units].
//
// The body is compiled twice on x86-64, for any such machine and for AVX2, and picked at run time:
// the module must run everywhere, and eight lanes against four is most of this pass.
#pragma once

#include <cstdint>
#include <cstring>

#include "impls/cells/cells.hpp"

namespace rnnbench {

/// One time step of `units` hidden units. Rows of `x` and `a` hold the gates one after another:
/// [gate][unit]. Distances between rows are in elements.
struct PointwiseStep {
  std::int64_t batch = 0, units = 0;
  const float* x = nullptr;  // [batch, gates*units]: W_ih·x_t
  std::int64_t x_row = 0;
  const float* a = nullptr;  // [batch, gates*units]: W_hh·h
  std::int64_t a_row = 0;
  const float* bias_x = nullptr;  // [gates*units], added to x
  const float* bias_a = nullptr;  // [gates*units], added to a
  const float* h_in = nullptr;    // [batch, units]
  float* h_out = nullptr;         // [batch, units], another buffer than h_in
  std::int64_t h_row = 0;
  float* c = nullptr;  // [batch, units], updated in place; lstm only
  std::int64_t c_row = 0;
  float* copy = nullptr;  // h_out once more, into the sequence; may be null
  std::int64_t copy_row = 0;
};
using Pointwise = void (*)(const PointwiseStep&);

namespace pointwise_body {

template <class CellPolicy>
RNNBENCH_HOST_DEVICE void row(std::int64_t units, const float* __restrict x,
                              const float* __restrict a, const float* __restrict bias_x,
                              const float* __restrict bias_a, const float* __restrict h_in,
                              float* __restrict h_out, float* __restrict c) {
  constexpr int gates = CellPolicy::gates;
  for (std::int64_t j = 0; j < units; ++j) {
    float sum_x[gates], sum_a[gates];
    for (int g = 0; g < gates; ++g) {
      sum_x[g] = x[g * units + j] + bias_x[g * units + j];
      sum_a[g] = CellPolicy::adds_products(g) ? a[g * units + j]
                                              : a[g * units + j] + bias_a[g * units + j];
    }
    float h = h_in[j], cell = 0;
    if constexpr (CellPolicy::has_c) cell = c[j];
    CellPolicy::update(sum_x, sum_a, h, cell);
    h_out[j] = h;
    if constexpr (CellPolicy::has_c) c[j] = cell;
  }
}

template <class CellPolicy>
RNNBENCH_HOST_DEVICE void block(const PointwiseStep& s) {
  for (std::int64_t b = 0; b < s.batch; ++b) {
    float* h_out = s.h_out + b * s.h_row;
    row<CellPolicy>(s.units, s.x + b * s.x_row, s.a + b * s.a_row, s.bias_x, s.bias_a,
                    s.h_in + b * s.h_row, h_out, CellPolicy::has_c ? s.c + b * s.c_row : nullptr);
    if (s.copy)
      std::memcpy(s.copy + b * s.copy_row, h_out,
                  static_cast<std::size_t>(s.units) * sizeof(float));
  }
}

template <class CellPolicy>
void everywhere(const PointwiseStep& s) {
  block<CellPolicy>(s);
}

#ifdef __x86_64__
template <class CellPolicy>
__attribute__((target("avx2"))) void avx2(const PointwiseStep& s) {
  block<CellPolicy>(s);
}
#endif

}  // namespace pointwise_body

/// The fastest body this machine can run. Biases of gates that add their products go to `bias_x`.
inline Pointwise pointwise_for(Cell cell) {
  return with_cell(cell, [](auto policy) -> Pointwise {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) return pointwise_body::avx2<decltype(policy)>;
#endif
    return pointwise_body::everywhere<decltype(policy)>;
  });
}

}  // namespace rnnbench
