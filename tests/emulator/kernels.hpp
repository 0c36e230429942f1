// The persistent cluster and solo kernels, compiled for the emulator.
#pragma once

#include "impls/cuda/persistent/job.hpp"
#include "impls/cuda/persistent/shape.hpp"
#include "impls/cuda/persistent/solo_job.hpp"
#include "impls/cuda/persistent/solo_shapes.hpp"

namespace rnnbench::persistent {

using KernelFunction = void (*)(Launch);
KernelFunction kernel_of(Math math, int gates, int k_lane, bool stacked, bool few);

using SoloFunction = void (*)(SoloLaunch);
SoloFunction solo_kernel_of(Math math, const SoloShape& shape, bool one_row);

}  // namespace rnnbench::persistent
