// The persistent solo kernel: a layer and direction whose weights one block can hold, for a slice
// of the batch, with nobody to wait for. Each block is on its own SM and goes through the whole
// sequence by itself; more slices are more blocks.
//
// A step is: products with h, which lies in shared memory, by weights in registers; sums over the
// few lanes that share a unit's k, by shuffles; gates in the lane where the sums end up; h to
// shared memory. Products are FFMA, exact f32 whatever the storage. See solo_shapes.hpp for who has
// which weights.
//
// What bounds it: with one row the chain of a step, of which products take two thirds (a GRU of 128
// units: 384 clocks of FFMA on each scheduler, and 200 to 270 of loads, shuffles, gates and
// barriers in a row); with many rows the FFMA units, or shared memory where weights lie in it.
// Teaches: how short a step gets without any other block, and that the end of a step can be hidden
// behind products of the next one.
//
// That is done by halves. Warps of the lower half have the lower half of the units; the products of
// all warps take the lower half of h first. So a step begins when the lower half is there, while
// the upper half is still on its way, and each half's products fill the time in which the other
// half's gates wait for their chain.
//
// Why no value is overwritten too early. h of step t goes to buffer t & 1, last read by the
// products of step t - 1. A warp writes it after its own products of step t, for which both halves
// had published h of step t - 1, and every warp publishes that after its products of step t - 1.
#pragma once

#include <type_traits>

#include "impls/cuda/persistent/one_gate.cuh"
#include "impls/cuda/persistent/primitives.cuh"
#include "impls/cuda/persistent/products.cuh"
#include "impls/cuda/persistent/quick.cuh"
#include "impls/cuda/persistent/solo_job.hpp"
#include "impls/cuda/persistent/solo_shapes.hpp"

namespace rnnbench::persistent {

/// Barriers of the block. Each half of the warps meets at one of its own. Where the other half is
/// waited for, that one only passes by: there are two of these, for even and odd steps, because it
/// may come again before everybody who waits has come.
enum SoloMeeting { lower_own = 1, upper_own = 2, lower_published = 4, upper_published = 6 };

/// Weights of `row` from `k` on, 0 where there are none. wide: rows are aligned to four values.
template <Math math>
__device__ __forceinline__ float4 four_weights(const void* weights, std::int64_t row, bool there,
                                               int k, int hidden, bool wide) {
  using T = Stored<math>;
  struct alignas(4 * sizeof(T)) Four {
    T of[4];
  };
  const T* const from = static_cast<const T*>(weights) + row * hidden + k;
  float w[4] = {};
  if (wide) {
    if (there && k < hidden) {
      const Four four = *reinterpret_cast<const Four*>(from);
#pragma unroll
      for (int i = 0; i < 4; ++i) w[i] = to_f32(four.of[i]);
    }
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (there && k + i < hidden) w[i] = to_f32(from[i]);
  }
  return {w[0], w[1], w[2], w[3]};
}

/// In elements: from one row to the next, and from the last row of a step to the next step's first.
struct SoloStrides {
  std::int64_t x[2], y[2];
};

template <class Cell>
__device__ __forceinline__ void update_quickly(const float (&x)[Cell::gates],
                                               const float (&a)[Cell::gates], float& h, float& c,
                                               Activation activation) {
  Quick quick_x[Cell::gates], quick_a[Cell::gates], quick_h(h), quick_c(c);
#pragma unroll
  for (int g = 0; g < Cell::gates; ++g) quick_x[g] = Quick(x[g]), quick_a[g] = Quick(a[g]);
  update_cell<Cell>(quick_x, quick_a, quick_h, quick_c, activation);
  h = quick_h.value, c = quick_c.value;
}

/// Grid: slices of each direction. Blocks do not wait on each other.
template <class Cell, Math math, std::uint64_t shape_code>
__global__ void __launch_bounds__(SoloShape::threads, 1)
    persistent_solo(const __grid_constant__ SoloLaunch launch) {
  using T = Stored<math>;
  constexpr SoloShape shape = SoloShape::from_code(shape_code);
  constexpr int gates = shape.gates, units = shape.units, lanes = shape.lanes;
  constexpr int width = shape.hidden(), threads = SoloShape::threads, half_block = threads / 2;
  constexpr int groups = 32 / lanes;         // of lanes, in a warp
  constexpr int half = shape.depth / 4 / 2;  // fours of k, of each half of h
  constexpr bool rounds = solo_rounds(math);
  constexpr int steps_ahead = 6;  // that input products are fetched to the L2
  static_assert(gates == Cell::gates && shape.units_of_a_warp() * SoloShape::warps == width);

  RNNBENCH_DYNAMIC_SHARED(memory);
  const int thread = int(threadIdx.x), lane = thread % 32;
  const int warp = __shfl_sync(~0u, thread / 32, 0);
  const bool upper = warp >= SoloShape::warps / 2;
  const int hidden = launch.hidden, steps = launch.steps;
  const int slice = int(blockIdx.x) % launch.slices;
  const SoloJob& job = launch.jobs[int(blockIdx.x) / launch.slices];
  const int extra = int(launch.batch % launch.slices);
  const int rows = int(launch.batch / launch.slices) + (slice < extra ? 1 : 0);
  const std::int64_t first = launch.batch / launch.slices * slice + (slice < extra ? slice : extra);

  float4* const shared_weights = reinterpret_cast<float4*>(memory) + thread;
  float* const h_buffers = memory + shape.at_hidden();
  float* const h_state = memory + shape.at_state(rows);  // only where products read it rounded
  float* const c_state = memory + shape.at_c(rows, rounds);

  // Lanes next to each other have the same values of k, so that they load the same words of h:
  // lane share * groups + group. A thread's unit i is i ^ share of its group's, so that its unit 0
  // is the one whose sums end up here.
  const int share = lane / groups;
  const int first_unit_of_warp = warp * shape.units_of_a_warp();
  const int first_unit = first_unit_of_warp + lane % groups * units;
  const int unit = first_unit + share % units;
  const bool owner = share < units && unit < hidden;  // else another lane has the unit as well

  float weights[2 * half][units * gates][4];  // those in shared memory take no registers
  {
    const T* const w_hh = static_cast<const T*>(job.w_hh);
    const bool wide =
        hidden % 4 == 0 && reinterpret_cast<std::uintptr_t>(w_hh) % (4 * sizeof(T)) == 0;
#pragma unroll
    for (int j = 0; j < 2 * half; ++j)
#pragma unroll
      for (int u = 0; u < units; ++u)
#pragma unroll
        for (int g = 0; g < gates; ++g) {
          const int piece = u * gates + g, of_registers = shape.registers_of(j);
          const int of = first_unit + (u ^ share % units);
          const float4 four = four_weights<math>(w_hh, g * std::int64_t{hidden} + of, of < hidden,
                                                 4 * (lanes * j + share), hidden, wide);
          if (piece >= of_registers) {
            shared_weights[(shape.shared_before(j) + piece - of_registers) * threads] = four;
          } else {
            weights[j][piece][0] = four.x, weights[j][piece][1] = four.y;
            weights[j][piece][2] = four.z, weights[j][piece][3] = four.w;
          }
        }
  }

  // Units beyond H stay 0 in both buffers.
  for (int i = thread; i < 2 * rows * width; i += threads) h_buffers[i] = 0;
  __syncthreads();
  float bias[gates] = {},
        apart[gates] = {};  // apart: the hidden bias of a gate that needs it alone
  if (owner) {
    for (int row = 0; row < rows; ++row) {
      const std::int64_t place = (first + row) * hidden + unit;
      const float h = to_f32(static_cast<const T*>(job.h_0)[place]);  // as stored: rounded
      h_buffers[(rows + row) * width + unit] = h;
      if constexpr (rounds) h_state[row * width + unit] = h;
      if constexpr (Cell::has_c)
        c_state[row * width + unit] = to_f32(static_cast<const T*>(job.c_0)[place]);
    }
#pragma unroll
    for (int g = 0; g < gates; ++g) {
      const int column = g * hidden + unit;
      const float b_hh = job.b_hh ? to_f32(static_cast<const T*>(job.b_hh)[column]) : 0.0f;
      bias[g] = job.b_ih ? to_f32(static_cast<const T*>(job.b_ih)[column]) : 0.0f;
      (Cell::adds_products(g) ? bias[g] : apart[g]) += b_hh;
    }
  }

  // Where input products come from and y goes to, row after row; then the next step's. Registers
  // are full of weights: strides lie in shared memory.
  RNNBENCH_SHARED(SoloStrides, strides);
  const std::int64_t x_step = job.reverse ? -job.gates_step : job.gates_step;
  if (thread == 0) {
    const std::int64_t y_step = job.reverse ? -job.y_step : job.y_step;
    strides.x[0] = job.gates_row, strides.x[1] = x_step - (rows - 1) * job.gates_row;
    strides.y[0] = job.y_row, strides.y[1] = y_step - (rows - 1) * job.y_row;
  }
  const std::int64_t begin = job.reverse ? steps - 1 : 0;
  const float* x_from = job.gates + begin * job.gates_step + first * job.gates_row + unit;
  T* y_to = nullptr;
  if (job.y) y_to = static_cast<T*>(job.y) + begin * job.y_step + first * job.y_row + unit;
  const bool has_y = owner && job.y;

  // A step may be shorter than the way to device memory and back: lane n fetches to the L2, from
  // several steps ahead, the words of gate n % gates that this warp will want.
  constexpr int sectors = shape.units_of_a_warp() / 8;
  static_assert(sectors * gates <= 32);
  const int fetched_unit = first_unit_of_warp + lane / gates * 8;
  const std::int64_t fetch_at = steps_ahead * x_step + lane % gates * hidden + fetched_unit - unit;
  const bool fetches = lane < sectors * gates && fetched_unit < hidden &&
                       fetch_at > -(std::int64_t{1} << 31) && fetch_at < std::int64_t{1} << 31;
  const int fetch_until = fetches ? steps - steps_ahead : 0, fetch_offset = int(fetch_at);

  float x[gates] = {};  // of the row to come; 0 in lanes that own nothing
  if (owner)
#pragma unroll
    for (int g = 0; g < gates; ++g) x[g] = __ldcs(x_from + g * hidden);

  int published = upper ? upper_published : lower_published;
  int waits_for = upper ? lower_published : upper_published;
  const int both_buffers = 2 * shape.at_hidden() + rows * width;
  int before = shape.at_hidden() + rows * width;  // the buffer of h of the step before
  __syncthreads();
  arrive(published, threads);

#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
#pragma unroll 1
    for (int row = 0; row < rows; ++row) {
      const float* const h_before = memory + before + row * width;
      const auto four_of_h = [&](int j) {
        return *reinterpret_cast<const float4*>(h_before + 4 * (lanes * j + share));
      };
      // The unit whose sums stay here begins with what is added to them; other lanes' are 0.
      float sums[units][gates] = {}, in[gates];
#pragma unroll
      for (int g = 0; g < gates; ++g) {
        in[g] = x[g] + bias[g];
        sums[0][g] = Cell::adds_products(g) ? in[g] : apart[g];
      }
      const auto multiply = [&](int j, const float4& h) {
        const int of_registers = shape.registers_of(j);
        const float values[4] = {h.x, h.y, h.z, h.w};
#pragma unroll
        for (int i = 0; i < 4; ++i)
#pragma unroll
          for (int u = 0; u < units; ++u)
#pragma unroll
            for (int g = 0; g < gates; ++g)
              if (u * gates + g < of_registers)
                sums[u][g] += weights[j][u * gates + g][i] * values[i];
#pragma unroll
        for (int u = 0; u < units; ++u)
#pragma unroll
          for (int g = 0; g < gates; ++g) {
            const int piece = u * gates + g;
            if (piece < of_registers) continue;
            const float4 w =
                shared_weights[(shape.shared_before(j) + piece - of_registers) * threads];
            sums[u][g] += w.x * h.x;
            sums[u][g] += w.y * h.y;
            sums[u][g] += w.z * h.z;
            sums[u][g] += w.w * h.w;
          }
      };

      if (row == 0) meet_either<threads, lower_own, half_block>(upper, waits_for);
      float4 h_four[half];
#pragma unroll
      for (int j = 0; j < half; ++j) h_four[j] = four_of_h(j);
      float h = rounds ? h_state[row * width + unit] : h_before[unit];
      float c = 0;
      if constexpr (Cell::has_c) c = c_state[row * width + unit];

      // While h is on its way: what the next row needs.
      const bool last_row = row + 1 == rows;
      if (step < fetch_until) fetch_to_l2(x_from + fetch_offset);
      x_from += strides.x[last_row];
      if (owner && !(last_row && step + 1 == steps))
#pragma unroll
        for (int g = 0; g < gates; ++g) x[g] = __ldcs(x_from + g * hidden);

#pragma unroll
      for (int j = 0; j < half; ++j) multiply(j, h_four[j]);
      if (row == 0) meet_either<threads, upper_own, half_block>(!upper, waits_for);
#pragma unroll
      for (int j = 0; j < half; ++j) h_four[j] = four_of_h(half + j);
#pragma unroll
      for (int j = 0; j < half; ++j) multiply(half + j, h_four[j]);

        // Of half of the units that a thread still has sums of, another lane gets its own.
#pragma unroll
      for (int n = units / 2; n > 0; n /= 2)
#pragma unroll
        for (int u = 0; u < n; ++u)
#pragma unroll
          for (int g = 0; g < gates; ++g)
            sums[u][g] += __shfl_xor_sync(~0u, sums[u + n][g], groups * n);
#pragma unroll
      for (int n = units; n < lanes; n *= 2)
#pragma unroll
        for (int g = 0; g < gates; ++g) sums[0][g] += __shfl_xor_sync(~0u, sums[0][g], groups * n);

#pragma unroll
      for (int g = 0; g < gates; ++g)
        if (Cell::adds_products(g)) in[g] = -0.0f;  // adding it is nothing to do
      update_quickly<Cell>(in, sums[0], h, c, launch.activation);
      if (owner)
        memory[both_buffers - before + row * width + unit] = rounds ? to_f32(from_f32<T>(h)) : h;
      if (last_row && step + 1 < steps) {
        published ^= 1;
        arrive(published, threads);
      }
      if (has_y) *y_to = from_f32<T>(h);
      y_to += strides.y[last_row];
      if (owner) {
        if constexpr (rounds) h_state[row * width + unit] = h;
        if constexpr (Cell::has_c) c_state[row * width + unit] = c;
      }
    }
    before = both_buffers - before;
    waits_for ^= 1;
  }

  if (!owner) return;
  for (int row = 0; row < rows; ++row) {
    const std::int64_t place = (first + row) * hidden + unit;
    const float h = rounds ? h_state[row * width + unit] : memory[before + row * width + unit];
    for (void* const to : {job.h_n, job.h_next})
      if (to) store<math>(to, place, h);
    if constexpr (Cell::has_c)
      for (void* const to : {job.c_n, job.c_next})
        if (to) store<math>(to, place, c_state[row * width + unit]);
  }
}

}  // namespace rnnbench::persistent
