// The tensors of a job as the Tensor Memory Accelerator sees them.
#pragma once

#include <cuda.h>

#include "impls/cuda/fused/job.hpp"
#include "impls/cuda/fused/tiles.hpp"

namespace rnnbench::fused {

/// Boxes of one chunk of k. weights: (k, unit, gate); x, h, h_0: (k, row, step).
struct JobMaps {
  CUtensorMap w_ih, w_hh, x, h, h_0;
};

/// For rows aligned to 16 bytes (`x_wide`, `h_wide`). Throws Error where the driver has no tensor
/// maps or refuses one.
JobMaps maps_of(const Job& job, int gates, const WideTile& tile, Product product);

}  // namespace rnnbench::fused
