#include "impls/common/panels.hpp"

#include <cstddef>
#include <cstring>

namespace rnnbench {
namespace {

std::uint32_t bits(float value) { return gate_maths::bits_as<std::uint32_t>(value); }

/// Rows `even` and `even + 1` of a column as one word of two bf16, which they are exactly.
float pair_of(float even, float odd) {
  return gate_maths::bits_as<float>((bits(even) >> 16) | (bits(odd) & 0xffff0000u));
}

}  // namespace

void read_values(Dtype dtype, const void* tensor, Index first, Index count, float* to) {
  const auto* from = static_cast<const std::byte*>(tensor) + first * bytes_per_element(dtype);
  if (dtype == Dtype::f32) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
    return;
  }
  for (Index k = 0; k < count; ++k) {
    std::uint16_t half = 0;
    std::memcpy(&half, from + k * 2, 2);
    to[k] = gate_maths::bits_as<float>(std::uint32_t{half} << 16);
  }
}

void write_values(Dtype dtype, const float* from, Index count, void* tensor, Index first) {
  auto* to = static_cast<std::byte*>(tensor) + first * bytes_per_element(dtype);
  if (dtype == Dtype::f32) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
    return;
  }
  for (Index k = 0; k < count; ++k) {  // to the nearest, ties to even; a NaN stays one
    const std::uint32_t b = bits(from[k]);
    const bool nan = (b & 0x7fffffffu) > 0x7f800000u;
    const auto half =
        static_cast<std::uint16_t>(nan ? 0x7fc0u : (b + 0x7fffu + (b >> 16 & 1)) >> 16);
    std::memcpy(to + k * 2, &half, 2);
  }
}

Panels pack_panels(const PanelShape& shape, Dtype dtype, const void* weights, Index rows_of_a_gate,
                   Index first, Index depth) {
  Panels packed{shape, depth, dtype == Dtype::bf16, {}};
  packed.data = Scratch(count(shape.panels, packed.panel_words()));
  std::vector<float> row(count(1, depth + 1));
  const Index columns = shape.panel_columns();
  for (int gate = 0; gate < shape.gates; ++gate)
    for (Index unit = 0; unit < shape.units; ++unit) {
      read_values(dtype, weights, (gate * rows_of_a_gate + first + unit) * depth, depth,
                  row.data());
      const Index column = shape.column(gate, unit);
      float* to = packed.data.get() + column / columns * packed.panel_words() + column % columns;
      if (packed.halves)
        for (Index k = 0; k < depth; k += 2)
          to[k / 2 * columns] =
              pair_of(row[std::size_t(k)], k + 1 < depth ? row[std::size_t(k) + 1] : 0.0f);
      else
        for (Index k = 0; k < depth; ++k) to[k * columns] = row[std::size_t(k)];
    }
  return packed;
}

Scratch pack_bias(const PanelShape& shape, const Problem& p, const LayerWeights& w, Index first,
                  bool hidden) {
  Scratch bias(count(1, shape.columns()));
  if (!w.b_ih) return bias;
  with_cell(p.cell, [&](auto cell) {
    for (int gate = 0; gate < shape.gates; ++gate) {
      const bool together = decltype(cell)::adds_products(gate);
      for (Index unit = 0; unit < shape.units; ++unit) {
        const Index row = gate * p.hidden + first + unit;
        float of_x = 0, of_h = 0;
        read_values(p.dtype, w.b_ih, row, 1, &of_x);
        read_values(p.dtype, w.b_hh, row, 1, &of_h);
        if (together) of_x += of_h, of_h = 0;
        bias.get()[shape.column(gate, unit)] = hidden ? of_h : of_x;
      }
    }
  });
  return bias;
}

}  // namespace rnnbench
