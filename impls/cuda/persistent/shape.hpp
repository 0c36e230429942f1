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

/// What lies before all else in a block's shared memory: barriers, what scales follow from, and a
/// tag.
inline constexpr int barriers = 4, largests = 3;
inline constexpr int largest_place = 2 * barriers, tag_place = largest_place + largests,
                     vectors_place = 12;  // in floats
static_assert(tag_place < vectors_place && vectors_place % 4 == 0);

/// Of a block's shared memory, in floats from its start.
struct Layout {
  int hidden = vectors_place;  // h of two steps: [2, vectors]
  int hidden_parts = 0;        // sums of each warp: [rows, parts_stride]
  int vectors = 0;             // of one step
  int bias = 0;                // hoisted: a row of sums
  int given = 0;               // hoisted: input products made before: [buffers, gates, given_row]
  int given_row = 0;
  int below = 0;        // wavefront: h of the layer below of a group of rows: [2, group]
  int below_parts = 0;  // wavefront: [2, rows, parts_stride]
  int group = 0;        // wavefront: vectors of a group of rows
  int parked = 0;       // wavefront: weights that registers do not hold
  int floats = 0;
};
/// element_bytes: of h, and of what stands for it.
RNNBENCH_HOST_DEVICE constexpr Layout layout(int gates, int k_lane, int element_bytes, int rows) {
  Layout at{};
  at.vectors = padded(rows) * vector_stride(k_lane) * element_bytes / 4;
  at.hidden_parts = at.hidden + 2 * at.vectors;
  at.bias = at.hidden_parts + rows * parts_stride(gates);
  at.given = at.bias + row_length(gates);
  at.given_row = (rows * unit_cap + half_threads - 1) / half_threads * half_threads;
  at.floats = at.given + input_buffers * gates * at.given_row;
  return at;
}

/// A wavefront does its rows in up to two groups: while h of one is on its way, the other's is
/// multiplied. Two rows are a warp's, so the first group's number is even.
inline constexpr int group_rows = 8;
struct Groups {
  int count, first;  // rows of the first
  RNNBENCH_HOST_DEVICE constexpr int begin(int group) const { return group * first; }
  RNNBENCH_HOST_DEVICE constexpr int rows(int group, int all) const {
    return group == 0 ? first : all - first;
  }
};
RNNBENCH_HOST_DEVICE constexpr Groups groups_of(int rows) {
  return rows <= group_rows ? Groups{1, rows} : Groups{2, (rows + 3) / 4 * 2};
}
/// Warps that make gates, for up to two rows of each group; they are all that a block has room for
/// beside those that multiply.
inline constexpr int gate_warps = 4;
inline constexpr int wavefront_threads = 2 * half_threads + 32 * gate_warps;

/// Whether a warp, which has 96 registers a thread, keeps a gate's weights in shared memory: 2 KiB.
RNNBENCH_HOST_DEVICE constexpr bool parks_weights(int gates, int k_lane, int element_bytes) {
  return gates == 4 && k_lane == 8 && element_bytes == 4;
}

RNNBENCH_HOST_DEVICE constexpr Layout wavefront_layout(int gates, int k_lane, int element_bytes,
                                                       int rows) {
  Layout at{};
  at.group = group_rows * vector_stride(k_lane) * element_bytes / 4;
  at.vectors = groups_of(rows).count * at.group;
  at.hidden_parts = at.hidden + 2 * at.vectors;
  at.below = at.hidden_parts + rows * parts_stride(gates);
  at.below_parts = at.below + 2 * at.group;
  at.parked = at.below_parts + 2 * rows * parts_stride(gates);
  at.floats = at.parked + (parks_weights(gates, k_lane, element_bytes) ? 2 * half_warps * 512 : 0);
  return at;
}

}  // namespace rnnbench::persistent
