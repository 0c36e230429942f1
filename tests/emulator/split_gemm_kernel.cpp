#include "tests/emulator/split_gemm_kernel.hpp"

#include <algorithm>
#include <cmath>

#include "impls/cuda/persistent/split_gemm.cuh"

namespace rnnbench::persistent {
namespace {

std::vector<float> largest(const std::vector<float>& values) {
  std::vector<float> all(split_gemm_blocks, 0);
  for (std::size_t i = 0; i < values.size(); ++i)
    all[i % all.size()] = std::max(all[i % all.size()], std::abs(values[i]));
  return all;
}

}  // namespace

std::string run_split_gemm(int tile_index, const std::vector<float>& x, const std::vector<float>& w,
                           int m, int n, int k, std::vector<float>& c) {
  const std::vector<float> of_x = largest(x), of_w = largest(w);
  std::vector<std::uint32_t> packed(std::size_t(n * split_gemm_k(k)));
  float scale = 0;
  emulator::Grid grid;
  grid.threads = split_gemm_threads;
  grid.clusters = int(packed.size() / 4 + split_gemm_threads - 1) / split_gemm_threads;
  std::string trouble = emulator::launch(grid, {emulator::Schedule::Kind::random, 3}, [&] {
    split_gemm_pack(w.data(), n, k, of_w.data(), &scale, packed.data());
  });
  if (!trouble.empty()) return trouble;
  SplitGemm what{};
  what.x = x.data(), what.w = packed.data(), what.w_scale = &scale, what.largest = of_x.data();
  what.c = c.data(), what.m = m, what.n = n, what.k = k;
  const SplitTile tile = split_tiles[tile_index];
  grid.clusters = (n + tile.n() - 1) / tile.n();
  grid.threads = tile.threads();
  grid.shared_bytes = std::size_t(tile.bytes());
  return emulator::launch(grid, {emulator::Schedule::Kind::random, 4}, [&] {
    tile_index == 0   ? split_gemm<0>(what)
    : tile_index == 1 ? split_gemm<1>(what)
                      : split_gemm<2>(what);
  });
}

}  // namespace rnnbench::persistent
