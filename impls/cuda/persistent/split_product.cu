#include <limits>

#include "impls/common/cuda_check.cuh"
#include "impls/cuda/persistent/split_gemm.cuh"
#include "impls/cuda/persistent/split_product.hpp"

namespace rnnbench::persistent {
namespace {

void find_largest(const float* of, std::int64_t count, float* largest, cudaStream_t stream) {
  split_gemm_largest<<<split_gemm_blocks, split_gemm_threads, 0, stream>>>(of, count, largest);
  RNNBENCH_LAUNCHED(split_gemm_largest);
}

}  // namespace

bool SplitProduct::takes(std::int64_t m, std::int64_t n, std::int64_t k, const float* x) {
  const std::int64_t most = std::numeric_limits<int>::max() / 2;
  return k % 4 == 0 && reinterpret_cast<std::uintptr_t>(x) % 16 == 0 && m < 65535 * split_gemm_m &&
         m <= most && n * split_gemm_k(int(k)) <= most;
}

SplitProduct::SplitProduct(const float* w, std::int64_t m, std::int64_t n, std::int64_t k,
                           cudaStream_t stream)
    : m_(int(m)),
      n_(int(n)),
      k_(int(k)),
      packed_(std::size_t(n * split_gemm_k(int(k)))),
      scale_(1),
      largest_(split_gemm_blocks) {
  find_largest(w, n * k, largest_.get(), stream);
  const unsigned fours = unsigned(packed_.size() / 4);
  split_gemm_pack<<<blocks_for(fours, split_gemm_threads), split_gemm_threads, 0, stream>>>(
      w, n_, k_, largest_.get(), scale_.get(), packed_.get());
  RNNBENCH_LAUNCHED(split_gemm_pack);
  RNNBENCH_CUDA(cudaFuncSetAttribute(reinterpret_cast<const void*>(&split_gemm),
                                     cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     split_gemm_bytes));
}

void SplitProduct::launch(const float* x, float* c, cudaStream_t stream) const {
  find_largest(x, std::int64_t{m_} * k_, largest_.get(), stream);
  const SplitGemm what{.x = x,
                       .w = packed_.get(),
                       .w_scale = scale_.get(),
                       .largest = largest_.get(),
                       .c = c,
                       .m = m_,
                       .n = n_,
                       .k = k_};
  const dim3 grid(blocks_for(std::size_t(n_), split_gemm_n),
                  blocks_for(std::size_t(m_), split_gemm_m));
  split_gemm<<<grid, split_gemm_threads, split_gemm_bytes, stream>>>(what);
  RNNBENCH_LAUNCHED(split_gemm);
}

}  // namespace rnnbench::persistent
