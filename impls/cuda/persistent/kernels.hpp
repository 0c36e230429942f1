// The persistent cluster kernels that were compiled, for the host.
#pragma once

#include <vector>

#include "impls/cuda/persistent/shape.hpp"

namespace rnnbench::persistent {

struct ClusterKernel {
  int gates, units, k_lane;
  int input_steps;       // makes the input products of layers on layers, of so many steps at once
  bool few;              // for few rows
  const void* function;  // __global__ void(Launch)
};

/// Each list is compiled in a file of its own.
std::vector<ClusterKernel> cluster_kernels_f32();
std::vector<ClusterKernel> cluster_kernels_tf32();
std::vector<ClusterKernel> cluster_kernels_f16();
std::vector<ClusterKernel> cluster_kernels_bf16();

}  // namespace rnnbench::persistent
