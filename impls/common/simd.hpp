// The SIMD kernels of the CPU, compiled once for each kind of vectors (impls/cpu/simd) and chosen
// when they are first asked for.
#pragma once

#include <string>
#include <vector>

#include "impls/common/panels.hpp"

namespace rnnbench {

/// Where rows of values go: `f32` and `bf16` are null or the address of row 0, `row` elements
/// apart. Columns beyond `columns` are not written.
struct RowsOut {
  float* f32 = nullptr;
  std::uint16_t* bf16 = nullptr;
  Index row = 0;
};

/// out[rows, columns] = bias + a[rows, depth] * w.
struct ProductJob {
  Index rows = 0;
  const float* a = nullptr;  // [rows, depth]; with bf16 weights of odd depth one more may be read
  Index a_row = 0;
  const Panels* w = nullptr;
  const float* bias = nullptr;  // [w.shape.columns()]
  Index columns = 0;            // of `out`: all of the panels', or fewer
  RowsOut out;
};

/// One time step of `rows` rows of batch and the units of the panels.
struct StepJob {
  Cell cell = Cell::gru;
  Index rows = 0;
  const Panels* w_h = nullptr;
  const float* h = nullptr;  // [rows, H], rows h_row apart: what the hidden product reads
  Index h_row = 0;
  /// The input's part. Either finished sums [rows, columns], with biases:
  const float* from_x = nullptr;
  Index from_x_row = 0;
  /// or the product itself, where from_x is null:
  const Panels* w_x = nullptr;
  const float* x = nullptr;  // [rows, I], rows x_row apart
  Index x_row = 0;
  const float* bias_x = nullptr;  // [columns]
  const float* bias_h = nullptr;  // [columns]: gru, whose n adds it before the reset
  const float* h_in = nullptr;    // the units' own old state, rows h_row apart
  float* h_out = nullptr;         // and new one; the last vector with units is written whole
  float* c = nullptr;             // lstm: worked on in place, rows h_row apart, padded
  RowsOut copy, output;           // the new state twice more, without padding
};

struct SimdKernels {
  std::string target;  // "AVX3", as Highway names it
  int lanes = 1;
  void (*product)(const ProductJob&) = nullptr;
  void (*step)(const StepJob&) = nullptr;
  /// to[k] = sigmoid(from[k]), tanh(from[k]): for the test of their errors.
  void (*sigmoid)(const float* from, Index count, float* to) = nullptr;
  void (*tanh)(const float* from, Index count, float* to) = nullptr;
};

/// One for each kind of vectors that this machine has, the widest first.
const std::vector<SimdKernels>& simd_kernels();

}  // namespace rnnbench
