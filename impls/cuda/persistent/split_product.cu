#include <array>
#include <iterator>
#include <limits>

#include "impls/common/cuda_check.cuh"
#include "impls/common/overlap.cuh"
#include "impls/common/split_product.hpp"
#include "impls/cuda/persistent/split_gemm.cuh"

namespace rnnbench {
namespace {

using persistent::split_gemm;
using persistent::split_gemm_blocks;
using persistent::split_gemm_k;
using persistent::split_gemm_largest;
using persistent::split_gemm_pack;
using persistent::split_gemm_threads;
using persistent::split_tiles;
using persistent::SplitGemm;
using persistent::SplitTile;

void find_largest(const float* of, std::int64_t count, float* largest, cudaStream_t stream) {
  split_gemm_largest<<<split_gemm_blocks, split_gemm_threads, 0, stream>>>(of, count, largest);
  RNNBENCH_LAUNCHED(split_gemm_largest);
}

const void* function_of(int tile) {
  const void* const all[] = {reinterpret_cast<const void*>(&split_gemm<0>),
                             reinterpret_cast<const void*>(&split_gemm<1>),
                             reinterpret_cast<const void*>(&split_gemm<2>)};
  static_assert(std::size(all) == std::size(split_tiles));
  return all[tile];
}

/// The tile that takes least: so many rounds of one block for each SM, each as long as an H200 took
/// for k = 1024, in us.
int tile_for(std::int64_t m, std::int64_t n) {
  constexpr std::array round_us{41.2, 22.8, 15.6};
  static_assert(std::size(round_us) == std::size(split_tiles));
  int device = 0, units = 0;
  RNNBENCH_CUDA(cudaGetDevice(&device));
  RNNBENCH_CUDA(cudaDeviceGetAttribute(&units, cudaDevAttrMultiProcessorCount, device));
  const auto rounds_up = [](std::int64_t of, std::int64_t by) { return (of + by - 1) / by; };
  const auto total = [&](int tile) {
    const std::int64_t blocks =
        rounds_up(m, split_tiles[tile].m()) * rounds_up(n, split_tiles[tile].n());
    return double(rounds_up(blocks, units)) * round_us[std::size_t(tile)];
  };
  int best = 0;
  for (int tile = 1; tile < int(std::size(split_tiles)); ++tile)
    if (total(tile) < total(best)) best = tile;
  return best;
}

}  // namespace

bool SplitProduct::takes(std::int64_t m, std::int64_t n, std::int64_t k, const float* x) {
  const std::int64_t most = std::numeric_limits<int>::max() / 2;
  return k % 4 == 0 && reinterpret_cast<std::uintptr_t>(x) % 16 == 0 &&
         m < std::int64_t{65535} * std::rbegin(split_tiles)->m() && m <= most &&
         n * split_gemm_k(int(k)) <= most;
}

SplitProduct::SplitProduct(const float* w, std::int64_t m, std::int64_t n, std::int64_t k,
                           bool overlap, cudaStream_t stream)
    : m_(int(m)),
      n_(int(n)),
      k_(int(k)),
      tile_(tile_for(m, n)),
      overlap_(overlap && can_overlap(function_of(tile_))),
      packed_(std::size_t(n * split_gemm_k(int(k)))),
      scale_(1),
      largest_(split_gemm_blocks) {
  find_largest(w, n * k, largest_.get(), stream);
  const unsigned fours = unsigned(packed_.size() / 4);
  split_gemm_pack<<<blocks_for(fours, split_gemm_threads), split_gemm_threads, 0, stream>>>(
      w, n_, k_, largest_.get(), scale_.get(), packed_.get());
  RNNBENCH_LAUNCHED(split_gemm_pack);
  RNNBENCH_CUDA(cudaFuncSetAttribute(
      function_of(tile_), cudaFuncAttributeMaxDynamicSharedMemorySize, split_tiles[tile_].bytes()));
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
  const SplitTile tile = split_tiles[tile_];
  cudaLaunchAttribute overlapping = overlap_attribute();
  cudaLaunchConfig_t config{};
  config.gridDim =
      dim3(blocks_for(std::size_t(n_), tile.n()), blocks_for(std::size_t(m_), tile.m()));
  config.blockDim = dim3(unsigned(tile.threads()));
  config.dynamicSmemBytes = std::size_t(tile.bytes());
  config.stream = stream;
  config.attrs = &overlapping;
  config.numAttrs = overlap_ ? 1 : 0;
  std::array<void*, 1> arguments{&what};
  RNNBENCH_CUDA(cudaLaunchKernelExC(&config, function_of(tile_), arguments.data()));
}

}  // namespace rnnbench
