// The fused step kernels that were compiled, for the host.
#pragma once

#include <cuda_runtime.h>

#include <span>

#include "impls/cuda/fused/job.hpp"
#include "impls/cuda/fused/tiles.hpp"

namespace rnnbench::fused {

struct StepKernel {
  int gates;
  Tile tile;
  const void* function;  // __global__ void(Launch)
};

/// One for each tile and number of gates; each list is compiled in a file of its own.
std::span<const StepKernel> ffma_kernels();
std::span<const StepKernel> tf32_kernels();
std::span<const StepKernel> tf32x3_kernels();
std::span<const StepKernel> f16_kernels();
std::span<const StepKernel> bf16_kernels();

inline std::span<const StepKernel> kernels(Product product) {
  switch (product) {
    case Product::ffma:
      return ffma_kernels();
    case Product::tf32:
      return tf32_kernels();
    case Product::tf32x3:
      return tf32x3_kernels();
    case Product::f16:
      return f16_kernels();
    case Product::bf16:
      break;
  }
  return bf16_kernels();
}

/// A kernel on wgmma: __global__ void(Launch, const JobMaps*).
struct WideKernel {
  Product product;
  int gates;
  WideTile tile;
  const void* function;
};

/// None where sm_90a is not among the architectures of the build.
std::span<const WideKernel> wide_kernels();

}  // namespace rnnbench::fused
