// Weights of a range of hidden units, rearranged once for row-major products x[rows, in] * w[in,
// n].
#pragma once

#include <algorithm>
#include <cstdint>

#include "harness/tensor.hpp"
#include "impls/cells/cells.hpp"
#include "impls/common/scratch.hpp"

namespace rnnbench {

using Index = std::int64_t;

inline const float* floats(const void* tensor) { return static_cast<const float*>(tensor); }
inline std::size_t count(Index a, Index b) {
  return static_cast<std::size_t>(a) * static_cast<std::size_t>(b);
}

/// to[c, r] = from[r, c] for from[rows, columns] dense; rows of `to` are `to_row` apart. A few
/// columns at a time, so that lines of `to` are filled while they are in cache.
inline void transpose(const float* from, Index rows, Index columns, float* to, Index to_row) {
  constexpr Index block = 16;
  for (Index start = 0; start < columns; start += block)
    for (Index r = 0; r < rows; ++r)
      for (Index c = start; c < std::min(start + block, columns); ++c)
        to[c * to_row + r] = from[r * columns + c];
}

/// One layer, direction and range of units [first, first + units).
struct PackedWeights {
  Index first = 0, units = 0;
  Scratch w_ih, w_hh;      // [I_l, G*units], [H, G*units]
  Scratch bias_x, bias_a;  // [G*units]; both biases in bias_x where only their sum matters
};

inline PackedWeights pack(const Problem& p, const LayerWeights& w, Index inputs, Index first,
                          Index units) {
  const int gate_count = gates(p.cell);
  const Index n = gate_count * units;
  PackedWeights packed{first,
                       units,
                       Scratch(count(inputs, n)),
                       Scratch(count(p.hidden, n)),
                       Scratch(count(1, n)),
                       Scratch(count(1, n))};
  for (int g = 0; g < gate_count; ++g) {
    const Index row = g * p.hidden + first;
    transpose(floats(w.w_ih) + row * inputs, units, inputs, packed.w_ih.get() + g * units, n);
    transpose(floats(w.w_hh) + row * p.hidden, units, p.hidden, packed.w_hh.get() + g * units, n);
  }
  if (!w.b_ih) return packed;
  with_cell(p.cell, [&](auto cell) {
    for (int g = 0; g < gate_count; ++g)
      for (Index j = 0; j < units; ++j) {
        const Index from = g * p.hidden + first + j, to = g * units + j;
        const float hidden_bias = floats(w.b_hh)[from];
        const bool together = decltype(cell)::adds_products(g);
        packed.bias_x.get()[to] = floats(w.b_ih)[from] + (together ? hidden_bias : 0);
        packed.bias_a.get()[to] = together ? 0 : hidden_bias;
      }
  });
  return packed;
}

}  // namespace rnnbench
