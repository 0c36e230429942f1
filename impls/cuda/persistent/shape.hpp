// What the persistent cluster kernel has room for, for the host's planner and the kernel alike.
#pragma once

#include "impls/cells/cells.hpp"  // RNNBENCH_HOST_DEVICE

namespace rnnbench::persistent {

inline constexpr int unit_cap = 16;   // hidden units of a block
inline constexpr int half_warps = 8;  // of the hidden products, and of the input's
inline constexpr int half_threads = 32 * half_warps;
inline constexpr int units_a_thread = 2;  // units times rows that a thread owns
inline constexpr int most_rows = units_a_thread * half_threads / unit_cap;  // of a slice
inline constexpr int most_rows_stacked = 16;

/// What tensors are stored in, and products made of: products.cuh.
enum class Math { f32, tf32, f16, bf16 };

/// Groups of blocks that one launch of the grid kernel is told of.
inline constexpr int most_grid_groups = 16;

/// Values of k that the warps' registers cover.
RNNBENCH_HOST_DEVICE constexpr int k_cap(int k_lane) { return 32 * k_lane; }

/// From one vector of h or of the input to the next: eight of them are read at once, four lanes
/// each, from banks of their own.
RNNBENCH_HOST_DEVICE constexpr int vector_stride(int k_lane) { return k_cap(k_lane) + 16; }

/// Sums of a vector: [gates, unit_cap].
RNNBENCH_HOST_DEVICE constexpr int row_length(int gates) { return gates * unit_cap; }

/// Sums of each warp for a row's gate and unit lie side by side, in an order that the row decides,
/// and these groups so far apart that eight units and four rows are written to banks of their own,
/// and eight units are read from such by 16 bytes.
inline constexpr int group_stride = 12;
RNNBENCH_HOST_DEVICE constexpr int parts_stride(int gates) {  // from row to row
  return row_length(gates) * group_stride;
}

/// Vectors are multiplied eight at a time.
RNNBENCH_HOST_DEVICE constexpr int padded(int rows) { return (rows + 7) / 8 * 8; }

/// Steps that input products made before are fetched ahead, and buffers for them: a power of two.
inline constexpr int steps_ahead = 3, input_buffers = 4;

/// What lies before all else in a block's shared memory, in floats: two barriers, and the values
/// that scales follow from.
inline constexpr int largest_place = 4, largests = 3, vectors_place = 8;

/// Of a block's shared memory, in floats from its start.
struct Layout {
  int hidden, hidden_parts;        // h of two steps, and sums of each warp
  int bias;                        // a row of sums
  int given, given_row;            // input products made before: [buffers, gates, given_row]
  int below, below_parts, inputs;  // of a stacked layer: likewise, and its sums of two steps
  int vectors, parts, sums;        // sizes, of one step
  int floats;
};
/// element_bytes: of h, and of what stands for it. stacked: the input is another layer's h.
RNNBENCH_HOST_DEVICE constexpr Layout layout(int gates, int k_lane, int element_bytes, int rows,
                                             bool stacked) {
  Layout at{};
  at.vectors = padded(rows) * vector_stride(k_lane) * element_bytes / 4;
  at.sums = rows * row_length(gates);
  at.parts = rows * parts_stride(gates);
  at.hidden = vectors_place;
  at.hidden_parts = at.hidden + 2 * at.vectors;
  at.bias = at.hidden_parts + at.parts;
  at.given = at.below = at.bias + row_length(gates);
  at.given_row = (rows * unit_cap + half_threads - 1) / half_threads * half_threads;
  at.floats = at.given + input_buffers * gates * at.given_row;
  if (!stacked) return at;
  at.below_parts = at.below + 2 * at.vectors;
  at.inputs = at.below_parts + at.parts;
  const int end = at.inputs + 2 * at.sums;
  at.floats = at.floats > end ? at.floats : end;
  return at;
}

}  // namespace rnnbench::persistent
