// From the sums of one unit to its new state: the last part of every fused step kernel.
#pragma once

#include "impls/cells/cells.hpp"
#include "impls/common/formats.cuh"
#include "impls/cuda/fused/job.hpp"

namespace rnnbench::fused {

/// tanh and relu cells and linear layers differ by what becomes of one sum: known at run time, so
/// that they share their kernels.
struct OneGate {
  static constexpr int gates = 1;
  static constexpr bool has_c = false;
  __device__ static constexpr bool adds_products(int) { return true; }
};

/// The step of a job in this wave, counted in time order of the sequence.
struct Step {
  int now, before;  // as positions in the sequence
  bool first, last;
};
__device__ __forceinline__ Step step_of(const Job& job, int wave) {
  const int step = wave - job.first_wave;
  const int now = job.reverse ? job.steps - 1 - step : step;
  return {now, job.reverse ? now + 1 : now - 1, step == 0, step == job.steps - 1};
}

/// What a unit's update reads that no product of this launch makes, but for h before the step: both
/// biases and the hoisted input gates in one sum, and the hidden bias of a gate whose products stay
/// apart.
template <class Cell>
struct UnitInputs {
  float x[Cell::gates], apart = 0;
};

/// Nothing here is written by the launch before (input gates come from a launch that was complete
/// when the first step began).
template <class Cell, class T>
__device__ __forceinline__ UnitInputs<Cell> unit_inputs(const Job& job, const Step& step, int row,
                                                        int unit) {
  UnitInputs<Cell> in;
#pragma unroll
  for (int g = 0; g < Cell::gates; ++g) {
    const std::int64_t column = std::int64_t{g} * job.hidden + unit;
    in.x[g] = job.b_ih ? to_f32(static_cast<const T*>(job.b_ih)[column]) : 0.0f;
    const float b_hh = job.b_hh ? to_f32(static_cast<const T*>(job.b_hh)[column]) : 0.0f;
    (Cell::adds_products(g) ? in.x[g] : in.apart) += b_hh;
    if (job.gates)
      in.x[g] += job.gates[std::int64_t{step.now} * job.gates_step + row * job.gates_row + column];
  }
  return in;
}

/// Where row `row` of h before the step lies.
template <class T>
__device__ __forceinline__ const T* h_before(const Job& job, const Step& step, int row) {
  if (step.first) return static_cast<const T*>(job.h_0) + std::int64_t{row} * job.hidden;
  return static_cast<const T*>(job.h) + (step.before & job.h_mask) * job.h_step + row * job.h_row;
}

template <class Cell, class T>
struct UnitState {
  float h = 0, c = 0;
};
template <class Cell, class T>
__device__ __forceinline__ UnitState<Cell, T> unit_state(const Job& job, const Step& step, int row,
                                                         int unit) {
  UnitState<Cell, T> state;
  const std::int64_t place = std::int64_t{row} * job.hidden + unit;
  if constexpr (Cell::gates == 3) state.h = to_f32(h_before<T>(job, step, row)[unit]);
  if constexpr (Cell::has_c)
    state.c = step.first ? to_f32(static_cast<const T*>(job.c_0)[place]) : job.c[place];
  return state;
}

/// sums: one a gate, and behind them the input product of the gate whose products stay apart.
template <class Cell, class T, int slots>
__device__ __forceinline__ void update_unit(const Job& job, const Step& step, int row, int unit,
                                            const float (&sums)[slots], UnitInputs<Cell> in,
                                            UnitState<Cell, T> state) {
  if constexpr (Cell::gates == 1) {
    const float sum = sums[0] + in.x[0];
    if (job.activation == Activation::tanh)
      state.h = tanh_gate(sum);
    else
      state.h = job.activation == Activation::relu && sum < 0 ? 0 : sum;
  } else {
    float a[Cell::gates] = {};
#pragma unroll
    for (int g = 0; g < Cell::gates; ++g) (Cell::adds_products(g) ? in.x[g] : a[g]) += sums[g];
    if constexpr (slots > Cell::gates) {
      in.x[Cell::gates - 1] += sums[Cell::gates];
      a[Cell::gates - 1] += in.apart;
    }
    Cell::update(in.x, a, state.h, state.c);
  }
  const std::int64_t place = std::int64_t{row} * job.hidden + unit;
  const T h = from_f32<T>(state.h);
  if (!step.last || job.store_last)
    static_cast<T*>(job.h)[(step.now & job.h_mask) * job.h_step + row * job.h_row + unit] = h;
  if (step.last && job.h_n) static_cast<T*>(job.h_n)[place] = h;
  if constexpr (Cell::has_c) {
    if (!step.last)
      job.c[place] = state.c;
    else if (job.c_n)
      static_cast<T*>(job.c_n)[place] = from_f32<T>(state.c);
  }
}

/// A linear layer hands the state that it has read to the next call, all blocks together. Called by
/// the first `threads` threads of each.
template <class T>
__device__ __forceinline__ void carry_state(const Job& job, int threads) {
  if (!job.carry_to) return;
  const std::int64_t count = std::int64_t{job.rows} * job.x_width;
  const std::int64_t block = blockIdx.y * gridDim.x + blockIdx.x;
  for (std::int64_t i = block * threads + threadIdx.x; i < count;
       i += std::int64_t{threads} * gridDim.x * gridDim.y)
    static_cast<T*>(job.carry_to)[i] = static_cast<const T*>(job.carry_from)[i];
}

}  // namespace rnnbench::fused
