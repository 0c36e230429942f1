// How many blocks of a launch an SM holds, and what limits it: from the launch's own record and the
// card's properties, by NVIDIA's calculator. Needs no device.
#pragma once

#include <cuda_occupancy.h>

#include <optional>

#include "harness/metrics.hpp"
#include "impls/cuda/cupti/launches.hpp"

namespace rnnbench::cupti {

struct Occupancy {
  int blocks = 0;                                                   // of an SM
  std::optional<int> by_registers, by_shared, by_warps, by_blocks;  // none: no limit
  double warps_pct = 0;                                             // of the warps that an SM holds
  double waves = 0;  // grids' worth of blocks over what all SMs hold at once
};

/// Nothing where the calculator does not know the card, or the launch does not fit it.
std::optional<Occupancy> occupancy(const cudaOccDeviceProp& card, const Launch& launch);

/// launch__* as Nsight Compute has them (shared memory with what the driver keeps of each block;
/// limits at the carve-out that the launch ran with), and theoretical occupancy, of one launch.
Metrics launch_metrics(const cudaOccDeviceProp& card, const Launch& launch);

}  // namespace rnnbench::cupti
