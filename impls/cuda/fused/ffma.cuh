// Products of a tile on the f32 units.
//
// Each lane owns thread_m x thread_n results of every gate and reads its operands four k at a time
// (16 bytes a row): thread_m + gates * thread_n reads feed 4 * thread_m * gates * thread_n
// multiply-adds. Rows of one lane are lanes_m (or 32 / lanes_m) apart and rows in shared memory are
// shifted by 16 bytes, so that the eight lanes that read together meet eight different bank groups.
#pragma once

#include "impls/cuda/fused/tiles.hpp"

namespace rnnbench::fused {

template <Tile tile, int gates, Product>
class WarpProduct;

template <Tile tile, int gates>
class WarpProduct<tile, gates, Product::ffma> {
 public:
  using Storage = float;
  static constexpr int slots = slots_of(gates);

  /// Adds rows [tile.warp_m] times units [tile.warp_n] over this warp's share of a chunk.
  /// rows, weights: the warp's first row of each in shared memory; gates are block_n rows apart.
  __device__ __forceinline__ void multiply(const unsigned char* rows, const unsigned char* weights,
                                           int warp_k) {
    constexpr int share = tile.chunk_bytes / 16 / tile.warps_k;  // 16-byte pieces of k
    static_assert(share * 16 * tile.warps_k == tile.chunk_bytes);
    const int lane = int(threadIdx.x) % 32;
    rows += (lane % tile.lanes_m) * tile.row_bytes() + warp_k * share * 16;
    weights += (lane / tile.lanes_m) * tile.row_bytes() + warp_k * share * 16;
#pragma unroll(share < 4 ? share : 4)
    for (int piece = 0; piece < share; ++piece) {
      float4 w[gates][tile.thread_n];
#pragma unroll
      for (int g = 0; g < gates; ++g)
#pragma unroll
        for (int n = 0; n < tile.thread_n; ++n)
          w[g][n] = *reinterpret_cast<const float4*>(
              weights + (g * tile.block_n() + n * lanes_n) * tile.row_bytes() + 16 * piece);
#pragma unroll
      for (int m = 0; m < tile.thread_m; ++m) {
        const float4 a = *reinterpret_cast<const float4*>(
            rows + m * tile.lanes_m * tile.row_bytes() + 16 * piece);
#pragma unroll
        for (int g = 0; g < gates; ++g)
#pragma unroll
          for (int n = 0; n < tile.thread_n; ++n) {
            float& sum = sums_[g][m][n];
            sum = fmaf(a.x, w[g][n].x, sum);
            sum = fmaf(a.y, w[g][n].y, sum);
            sum = fmaf(a.z, w[g][n].z, sum);
            sum = fmaf(a.w, w[g][n].w, sum);
          }
      }
    }
  }

  /// Between input and hidden product: a gate whose two products stay apart starts a new sum.
  __device__ __forceinline__ void next_phase() {
    if constexpr (slots > gates) {
#pragma unroll
      for (int m = 0; m < tile.thread_m; ++m)
#pragma unroll
        for (int n = 0; n < tile.thread_n; ++n)
          sums_[gates][m][n] = sums_[gates - 1][m][n], sums_[gates - 1][m][n] = 0;
    }
  }

  /// fn(slot, row, unit, sum) for every result, places counted inside the warp's part.
  template <class Fn>
  __device__ __forceinline__ void each(const Fn& fn) const {
    const int lane = int(threadIdx.x) % 32;
#pragma unroll
    for (int s = 0; s < slots; ++s)
#pragma unroll
      for (int m = 0; m < tile.thread_m; ++m)
#pragma unroll
        for (int n = 0; n < tile.thread_n; ++n)
          fn(s, lane % tile.lanes_m + m * tile.lanes_m, lane / tile.lanes_m + n * lanes_n,
             sums_[s][m][n]);
  }

 private:
  static constexpr int lanes_n = 32 / tile.lanes_m;
  float sums_[slots][tile.thread_m][tile.thread_n] = {};
};

}  // namespace rnnbench::fused
