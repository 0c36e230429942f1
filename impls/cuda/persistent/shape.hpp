// What the persistent cluster kernel has room for, for the host's planner and the kernel alike.
#pragma once

#include "impls/cells/cells.hpp"  // RNNBENCH_HOST_DEVICE

namespace rnnbench::persistent {

inline constexpr int half_warps = 8;  // of the hidden products, and of the input's
inline constexpr int half_threads = 32 * half_warps;
inline constexpr int units_a_thread = 2;  // units times rows that a thread owns
/// Of a slice, where blocks have so many hidden units: 16 or 32. stacked: layers run at once.
RNNBENCH_HOST_DEVICE constexpr int most_rows(int units, bool stacked) {
  return (stacked ? 1 : units_a_thread) * half_threads / units;
}

/// What tensors are stored in, and products made of: products.cuh.
enum class Math { f32, tf32, f16, bf16 };

/// Groups of blocks that one launch of the grid kernel is told of.
inline constexpr int most_grid_groups = 16;

/// Values of k that the warps' registers cover.
RNNBENCH_HOST_DEVICE constexpr int k_cap(int k_lane) { return 32 * k_lane; }

/// From one vector of h or of the input to the next: eight of them are read at once, four lanes
/// each, from banks of their own.
RNNBENCH_HOST_DEVICE constexpr int vector_stride(int k_lane) { return k_cap(k_lane) + 16; }

/// Sums of a vector: [gates, units].
RNNBENCH_HOST_DEVICE constexpr int row_length(int gates, int units) { return gates * units; }

/// Sums of each warp for a row's gate and unit lie side by side, in an order that the row decides,
/// and these groups so far apart that eight units and four rows are written to banks of their own,
/// and eight units are read from such by 16 bytes.
inline constexpr int group_stride = 12;
RNNBENCH_HOST_DEVICE constexpr int parts_stride(int gates, int units) {  // from row to row
  return row_length(gates, units) * group_stride;
}

/// Whether a stacked layer's W_ih lies in shared memory, so that the warps that multiply h have the
/// registers of those that multiply the input.
RNNBENCH_HOST_DEVICE constexpr bool shares_weights(int gates, int units, int element_bytes) {
  return units == 32 && gates * element_bytes >= 4;
}

/// Vectors are multiplied eight at a time.
RNNBENCH_HOST_DEVICE constexpr int padded(int rows) { return (rows + 7) / 8 * 8; }

/// Input products of stacked layers are made of two steps at once. Where sums of two may be more
/// than a block has room for there is a kernel for one.
RNNBENCH_HOST_DEVICE constexpr bool may_take_one_step(int gates, int units, int k_lane, Math math) {
  return gates == 4 && units == 16 && k_lane == 8 && math == Math::f32;
}

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
  int weights;                     // and W_ih, where it lies here
  int vectors, parts, sums;        // sizes, of one step
  int floats;
};
/// element_bytes: of h, and of what stands for it. input_steps: of a stacked layer, whose input is
/// another layer's h; else 0.
RNNBENCH_HOST_DEVICE constexpr Layout layout(int gates, int units, int k_lane, int element_bytes,
                                             int rows, int input_steps) {
  Layout at{};
  at.vectors = padded(rows) * vector_stride(k_lane) * element_bytes / 4;
  at.sums = rows * row_length(gates, units);
  at.parts = rows * parts_stride(gates, units);
  at.hidden = vectors_place;
  at.hidden_parts = at.hidden + 2 * at.vectors;
  at.bias = at.hidden_parts + at.parts;
  at.given = at.below = at.bias + row_length(gates, units);
  at.given_row = (rows * units + half_threads - 1) / half_threads * half_threads;
  at.floats = at.given + input_buffers * gates * at.given_row;
  if (input_steps == 0) return at;
  at.below_parts =
      at.below + padded(input_steps * rows) * vector_stride(k_lane) * element_bytes / 4;
  at.inputs = at.below_parts + input_steps * at.parts;
  at.weights = (at.inputs + 2 * input_steps * at.sums + 3) / 4 * 4;
  const int end = at.weights + (shares_weights(gates, units, element_bytes)
                                    ? gates * units * k_cap(k_lane) * element_bytes / 4
                                    : 0);
  at.floats = at.floats > end ? at.floats : end;
  return at;
}

}  // namespace rnnbench::persistent
