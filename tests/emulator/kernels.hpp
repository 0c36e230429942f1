// The persistent cluster kernels, compiled for the emulator.
#pragma once

#include "impls/cuda/persistent/job.hpp"
#include "impls/cuda/persistent/shape.hpp"

namespace rnnbench::persistent {

using KernelFunction = void (*)(Launch);
KernelFunction kernel_of(Math math, int gates, int k_lane, bool stacked);

}  // namespace rnnbench::persistent
