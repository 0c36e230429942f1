// Where the row of time step t and batch element b lies in a sequence tensor.
#pragma once

#include <cstdint>

#include "harness/problem.hpp"

namespace rnnbench {

/// Row numbers: row(t, b) = t * step + b * element, in a tensor [T, B, ...] or [B, T, ...].
struct SequenceRows {
  std::int64_t step = 0;
  std::int64_t element = 0;
  std::int64_t at(std::int64_t t, std::int64_t b) const { return t * step + b * element; }
};

inline SequenceRows rows_of(const Problem& p, Layout layout) {
  if (layout == Layout::btc) return {1, p.seq};
  return {p.batch, 1};
}

/// What hands data to layer k + 1 inside an implementation is [T, B, D*H] whatever the problem
/// says.
inline SequenceRows input_rows(const Problem& p, int layer) {
  return rows_of(p, layer == 0 ? p.layout : Layout::tbc);
}

}  // namespace rnnbench
