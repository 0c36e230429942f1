// x · Wᵀ in f32, of three products of f16 parts. For the host;
// impls/cuda/persistent/split_product.cu has it made by the kernels of split_gemm.cuh there.
#pragma once

#include <cstdint>

#include "impls/common/cuda_backend.cuh"

namespace rnnbench {

class SplitProduct {
 public:
  /// Whether there is a kernel for x [m, k], as it lies at `x`, times Wᵀ [k, n].
  static bool takes(std::int64_t m, std::int64_t n, std::int64_t k, const float* x);
  /// W: [n, k], read here, by work on `stream`. overlap: whether its launches may
  /// begin before those before them have ended; the next ones may in any case. Allocates.
  SplitProduct(const float* w, std::int64_t m, std::int64_t n, std::int64_t k, bool overlap,
               cudaStream_t stream);
  /// x: [m, k]; c: [m, n].
  void launch(const float* x, float* c, cudaStream_t stream) const;

 private:
  int m_, n_, k_, tile_;
  bool overlap_;
  DeviceArray<std::uint32_t> packed_;
  DeviceArray<float> scale_, largest_;
};

}  // namespace rnnbench
