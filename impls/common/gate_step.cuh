// One step's gates after its products: a pointwise kernel for one or several cells at once.
#pragma once

#include <cstdint>

#include "impls/cells/cells.hpp"
#include "impls/common/formats.cuh"
#include "impls/common/overlap.cuh"

namespace rnnbench {

/// Parts (directions of a layer, layers of a wave) that step at once: whatever is said of part k
/// lies k parts further on. Products in f32, tensors in the storage type.
template <class T>
struct GateStep {
  const float* input_gates = nullptr;   // row b at b * input_row: [B, G*H]
  const float* bottom_gates = nullptr;  // instead of them for part 0 where `bottom` is 1
  const float* hidden_gates = nullptr;  // row b at b * hidden_row: [B, G*H]
  const T* b_ih = nullptr;              // [G*H], parts packed; zeros without bias
  const T* b_hh = nullptr;
  T* h = nullptr;       // [B, H], in place, parts packed
  T* c = nullptr;       // likewise; lstm only
  T* output = nullptr;  // row b at b * output_row; null when nobody reads it
  std::int64_t input_part = 0, input_row = 0, bottom_row = 0, hidden_part = 0, hidden_row = 0,
               output_part = 0, output_row = 0;
  int bottom = 0;        // parts that read bottom_gates; input_gates begin with the one after them
  int first_output = 0;  // parts before it write no output
  bool inputs_are_early = false;  // input_gates are not of the launch just before this
  unsigned batch = 0, hidden = 0;
};

constexpr unsigned gate_threads = 128;

/// The kernel counts B * H in 32 bits: their division is several times as fast as that of 64.
template <class CellT, class T>
__global__ void gate_step_kernel(GateStep<T> s) {
  const unsigned index = blockIdx.x * gate_threads + threadIdx.x;
  if (index >= s.batch * s.hidden) return;
  const int part = static_cast<int>(blockIdx.y);
  const unsigned row = index / s.hidden, unit = index - row * s.hidden;
  const float* const input =
      part < s.bottom ? s.bottom_gates + row * s.bottom_row
                      : s.input_gates + (part - s.bottom) * s.input_part + row * s.input_row;
  const float* const hidden = s.hidden_gates + part * s.hidden_part + row * s.hidden_row;
  const std::int64_t bias = std::int64_t{part} * CellT::gates * s.hidden;
  const std::int64_t state = std::int64_t{part} * s.batch * s.hidden + index;
  // Everything is loaded before anything is used: the latency of one load, not of one a gate. What
  // is not of the products just before this is loaded before they are done, where this is launched
  // by then. Their own launch overlaps nothing: when they began, states, input products and copies
  // were there.
  const bool early = part < s.bottom || s.inputs_are_early;
  float x[CellT::gates], a[CellT::gates], b_x[CellT::gates], b_a[CellT::gates];
#pragma unroll
  for (int g = 0; g < CellT::gates; ++g) {
    const std::int64_t column = std::int64_t{g} * s.hidden + unit;
    x[g] = early ? input[column] : 0;
    b_x[g] = to_f32(s.b_ih[bias + column]);
    b_a[g] = to_f32(s.b_hh[bias + column]);
  }
  float h = to_f32(s.h[state]);
  float c = CellT::has_c ? to_f32(s.c[state]) : 0;
  wait_for_previous_launch();
#pragma unroll
  for (int g = 0; g < CellT::gates; ++g) {
    const std::int64_t column = std::int64_t{g} * s.hidden + unit;
    a[g] = hidden[column];
    if (!early) x[g] = input[column];
  }
#pragma unroll
  for (int g = 0; g < CellT::gates; ++g) {
    x[g] += b_x[g];
    a[g] += b_a[g];
  }
  CellT::update(x, a, h, c);
  if (CellT::has_c) s.c[state] = from_f32<T>(c);
  s.h[state] = from_f32<T>(h);
  if (s.output && part >= s.first_output)
    s.output[part * s.output_part + row * s.output_row + unit] = from_f32<T>(h);
}

template <class T>
bool gate_steps_overlap(Cell cell) {
  return with_cell(cell, [](auto policy) {
    return can_overlap(reinterpret_cast<const void*>(&gate_step_kernel<decltype(policy), T>));
  });
}

/// To follow the products in `stream`. `overlap` (from CC 9.0 on): the launch itself goes on beside
/// them.
template <class T>
void launch_gate_step(Cell cell, const GateStep<T>& s, int parts, bool overlap,
                      cudaStream_t stream) {
  cudaLaunchAttribute attribute = overlap_attribute();
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(blocks_for(std::size_t{s.batch} * s.hidden, gate_threads), unsigned(parts));
  config.blockDim = dim3(gate_threads);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = overlap ? 1 : 0;
  with_cell(cell, [&](auto policy) {
    RNNBENCH_CUDA(cudaLaunchKernelEx(&config, gate_step_kernel<decltype(policy), T>, s));
  });
}

}  // namespace rnnbench
