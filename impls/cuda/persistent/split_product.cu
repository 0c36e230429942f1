#include <array>
#include <limits>

#include "impls/common/cuda_check.cuh"
#include "impls/common/overlap.cuh"
#include "impls/cuda/persistent/split_gemm.cuh"
#include "impls/cuda/persistent/split_product.hpp"

namespace rnnbench::persistent {
namespace {

void find_largest(const float* of, std::int64_t count, float* largest, cudaStream_t stream) {
  split_gemm_largest<<<split_gemm_blocks, split_gemm_threads, 0, stream>>>(of, count, largest);
  RNNBENCH_LAUNCHED(split_gemm_largest);
}

const void* function_of(bool small) {
  return small ? reinterpret_cast<const void*>(&split_gemm<true>)
               : reinterpret_cast<const void*>(&split_gemm<false>);
}

/// Whether large tiles would leave half of the SMs without one.
bool prefers_small(std::int64_t m, std::int64_t n) {
  int device = 0, units = 0;
  RNNBENCH_CUDA(cudaGetDevice(&device));
  RNNBENCH_CUDA(cudaDeviceGetAttribute(&units, cudaDevAttrMultiProcessorCount, device));
  const auto tiles = [](std::int64_t length, int tile) { return (length + tile - 1) / tile; };
  return 2 * tiles(m, split_large.m()) * tiles(n, split_large.n()) <= units;
}

}  // namespace

bool SplitProduct::takes(std::int64_t m, std::int64_t n, std::int64_t k, const float* x) {
  const std::int64_t most = std::numeric_limits<int>::max() / 2;
  return k % 4 == 0 && reinterpret_cast<std::uintptr_t>(x) % 16 == 0 &&
         m < 65535 * split_small.m() && m <= most && n * split_gemm_k(int(k)) <= most;
}

SplitProduct::SplitProduct(const float* w, std::int64_t m, std::int64_t n, std::int64_t k,
                           bool overlap, cudaStream_t stream)
    : m_(int(m)),
      n_(int(n)),
      k_(int(k)),
      small_(prefers_small(m, n)),
      overlap_(overlap && can_overlap(function_of(small_))),
      packed_(std::size_t(n * split_gemm_k(int(k)))),
      scale_(1),
      largest_(split_gemm_blocks) {
  find_largest(w, n * k, largest_.get(), stream);
  const unsigned fours = unsigned(packed_.size() / 4);
  split_gemm_pack<<<blocks_for(fours, split_gemm_threads), split_gemm_threads, 0, stream>>>(
      w, n_, k_, largest_.get(), scale_.get(), packed_.get());
  RNNBENCH_LAUNCHED(split_gemm_pack);
  RNNBENCH_CUDA(cudaFuncSetAttribute(function_of(small_),
                                     cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     (small_ ? split_small : split_large).bytes()));
}

void SplitProduct::launch(const float* x, float* c, cudaStream_t stream) const {
  find_largest(x, std::int64_t{m_} * k_, largest_.get(), stream);
  SplitGemm what{.x = x,
                 .w = packed_.get(),
                 .w_scale = scale_.get(),
                 .largest = largest_.get(),
                 .c = c,
                 .m = m_,
                 .n = n_,
                 .k = k_};
  const SplitTile tile = small_ ? split_small : split_large;
  cudaLaunchAttribute overlapping = overlap_attribute();
  cudaLaunchConfig_t config{};
  config.gridDim =
      dim3(blocks_for(std::size_t(n_), tile.n()), blocks_for(std::size_t(m_), tile.m()));
  config.blockDim = dim3(unsigned(split_gemm_threads));
  config.dynamicSmemBytes = std::size_t(tile.bytes());
  config.stream = stream;
  config.attrs = &overlapping;
  config.numAttrs = overlap_ ? 1 : 0;
  std::array<void*, 1> arguments{&what};
  RNNBENCH_CUDA(cudaLaunchKernelExC(&config, function_of(small_), arguments.data()));
}

}  // namespace rnnbench::persistent
