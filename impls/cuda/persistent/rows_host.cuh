// The host side of the rows strategy, where it differs from the grid's: which kernel, and what it
// asks for.
#pragma once

#include <string>
#include <vector>

#include "harness/error.hpp"
#include "impls/cuda/persistent/grid_host.cuh"
#include "impls/cuda/persistent/rows_kernels.hpp"

namespace rnnbench::persistent {

inline const std::vector<RowsKernel>& rows_kernels_of(Math math) {
  static const std::vector<RowsKernel> f32 = rows_kernels_f32(), f16 = rows_kernels_f16(),
                                       bf16 = rows_kernels_bf16();
  return math == Math::f16 ? f16 : math == Math::bf16 ? bf16 : f32;
}

/// A look in vain costs a whole way to the L2 and back: looks begin when h is about to come. Best
/// of the same clocks as the grid's, or within 4 % of it, in three calls.
inline int rows_first_look_clocks(const RowsShape& shape) { return 450 + 100 * shape.rows; }

inline GridFunction rows_function(const Problem& p, const Plan& plan) {
  for (const RowsKernel& kernel : rows_kernels_of(math_of(p.dtype)))
    if (kernel.shape == plan.shape)
      return {kernel.function, RowsShape::threads, plan.shape.shared_bytes(),
              plan.shape.exchange_bytes(int(p.hidden)), rows_first_look_clocks(plan.shape)};
  throw Error("no kernel was compiled for " + plan.config());
}

}  // namespace rnnbench::persistent
