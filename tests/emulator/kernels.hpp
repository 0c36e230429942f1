// The persistent cluster, solo, rows and grid kernels, compiled for the emulator.
#pragma once

#include "impls/cuda/persistent/grid_job.hpp"
#include "impls/cuda/persistent/grid_tiles.hpp"
#include "impls/cuda/persistent/job.hpp"
#include "impls/cuda/persistent/rows_shapes.hpp"
#include "impls/cuda/persistent/shape.hpp"
#include "impls/cuda/persistent/solo_job.hpp"
#include "impls/cuda/persistent/solo_shapes.hpp"

namespace rnnbench::persistent {

using KernelFunction = void (*)(Launch);
KernelFunction kernel_of(Math math, int gates, int units, int k_lane, int input_steps, bool few);

using SoloFunction = void (*)(SoloLaunch);
SoloFunction solo_kernel_of(Math math, const SoloShape& shape, bool one_row);

using RowsFunction = void (*)(GridLaunch);
RowsFunction rows_kernel_of(Math math, const RowsShape& shape);

using GridFunction = void (*)(GridLaunch);
/// Null in bf16.
GridFunction grid_kernel_of(Math math, int gates, const GridTile& tile);

}  // namespace rnnbench::persistent
