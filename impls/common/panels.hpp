// Weights in the order in which the SIMD kernels of the CPU read them: panels of a few vectors'
// width that hold all gates of their units side by side, one row after another.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/tensor.hpp"
#include "impls/cells/cells.hpp"
#include "impls/common/packed.hpp"
#include "impls/common/scratch.hpp"

namespace rnnbench {

/// Where the columns of a product stand. With gates, each panel has `lanes` units and a vector for
/// each gate; without (rnn, a head), `width` vectors of units.
struct PanelShape {
  int lanes = 1;    // floats of a vector
  int gates = 1;    // gates side by side
  int width = 1;    // vectors of a panel
  Index units = 0;  // that exist; those beyond it in the last panel are zero
  Index panels = 0;

  Index panel_units() const { return lanes * (gates > 1 ? 1 : width); }
  Index panel_columns() const { return Index{lanes} * width; }
  Index columns() const { return panels * panel_columns(); }
  /// Units with those that are there for the vectors' sake.
  Index padded_units() const { return panels * panel_units(); }
  /// Column of a gate of a unit.
  Index column(int gate, Index unit) const {
    if (gates == 1) return unit;
    return (unit / lanes) * panel_columns() + gate * lanes + unit % lanes;
  }
};

/// As few panels as there can be, and those as narrow as that allows: 5 vectors are 3 + 2, not 4
/// + 1.
inline PanelShape panel_shape(int lanes, int gates, Index units) {
  constexpr Index widest = 4;
  PanelShape shape{lanes, gates, gates, units, (units + lanes - 1) / lanes};
  if (gates > 1) return shape;
  const Index vectors = shape.panels;
  shape.panels = (vectors + widest - 1) / widest;
  shape.width = static_cast<int>((vectors + shape.panels - 1) / shape.panels);
  shape.panels = (vectors + shape.width - 1) / shape.width;
  return shape;
}

/// Weights [gates*H, depth] of a range of units as panels: f32 as [panel][depth][columns]; bf16 as
/// [panel][depth/2][columns] of two bf16 each, the even row in the low half.
struct Panels {
  PanelShape shape;
  Index depth = 0;
  bool halves = false;  // bf16
  Scratch data;

  Index panel_words() const { return (halves ? (depth + 1) / 2 : depth) * shape.panel_columns(); }
  const float* panel(Index at) const { return data.get() + at * panel_words(); }
};

/// `weights`: [gates * rows_of_a_gate, depth] in `dtype`'s storage; units [first, first +
/// shape.units) of each gate.
Panels pack_panels(const PanelShape& shape, Dtype dtype, const void* weights, Index rows_of_a_gate,
                   Index first, Index depth);

/// What a column's sums begin with, [shape.columns()]: both biases where only the sum of products
/// matters, else that of the input alone (`hidden` false) or of the state alone (`hidden` true).
/// Null biases give zeros.
Scratch pack_bias(const PanelShape& shape, const Problem& p, const LayerWeights& w, Index first,
                  bool hidden);

/// `count` values of a tensor in `dtype`'s storage (f32, bf16), from element `first` on.
void read_values(Dtype dtype, const void* tensor, Index first, Index count, float* to);
void write_values(Dtype dtype, const float* from, Index count, void* tensor, Index first);

}  // namespace rnnbench
