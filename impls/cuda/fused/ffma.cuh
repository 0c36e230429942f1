// Products of a tile on the f32 units.
//
// Each lane owns thread_m x thread_n results of every gate and reads its operands four k at a time
// (16 bytes a row): thread_m + gates * thread_n reads feed 4 * thread_m * gates * thread_n
// multiply-adds. In a skinny tile there are fewer results than that takes, so lanes_k lanes have
// the same results and share out k; in the end each of them gets the sums of its part of them.
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
    constexpr int share = tile.chunk_bytes / 16 / tile.warps_k / lanes_k;  // 16-byte pieces of k
    static_assert(share * 16 * tile.warps_k * lanes_k == tile.chunk_bytes);
    const int first = warp_k * share * lanes_k + lane_k();
    rows += lane_m() * tile.row_bytes() + first * 16;
    weights += lane_n() * tile.row_bytes() + first * 16;
// Unrolling takes registers that a large tile needs for its sums, and so does a tile that shares
// the SM with others.
#pragma unroll(unrolled < share ? unrolled : share)
    for (int piece = 0; piece < share; ++piece) {
      float4 w[gates][tile.thread_n];
#pragma unroll
      for (int g = 0; g < gates; ++g)
#pragma unroll
        for (int n = 0; n < tile.thread_n; ++n)
          w[g][n] = *reinterpret_cast<const float4*>(
              weights + (g * tile.block_n() + n * tile.lanes_n) * tile.row_bytes() +
              16 * lanes_k * piece);
      const auto row = [&](int m) {
        return *reinterpret_cast<const float4*>(rows + m * tile.lanes_m * tile.row_bytes() +
                                                16 * lanes_k * piece);
      };
      float4 a = row(0);
#pragma unroll
      for (int m = 0; m < tile.thread_m; ++m) {
        const float4 next = row(m + 1 < tile.thread_m ? m + 1 : m);
        // One row ahead is enough; the compiler would fetch all, and have no registers for it.
        if constexpr (large) asm volatile("" ::: "memory");
#pragma unroll
        for (int g = 0; g < gates; ++g)
#pragma unroll
          for (int n = 0; n < tile.thread_n; ++n) {
            float& sum = sums_[index(g, m, n)];
            sum = fmaf(a.x, w[g][n].x, sum);
            sum = fmaf(a.y, w[g][n].y, sum);
            sum = fmaf(a.z, w[g][n].z, sum);
            sum = fmaf(a.w, w[g][n].w, sum);
          }
        a = next;
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
          sums_[index(gates, m, n)] = sums_[index(gates - 1, m, n)],
                                sums_[index(gates - 1, m, n)] = 0;
    }
  }

  /// fn(slot, row, unit, sum) for every result, places counted inside the warp's part.
  template <class Fn>
  __device__ __forceinline__ void each(const Fn& fn) {
    gather<lanes_k / 2, results / 2>();
    // Which results came to this lane: the halves it kept, by the bits of its place.
    int first = 0;
#pragma unroll
    for (int bit = lanes_k / 2, half = results / 2; bit > 0; bit /= 2, half /= 2)
      if (lane_k() & bit) first += half;
#pragma unroll
    for (int i = 0; i < results / lanes_k; ++i) {
      const int at = first + i;
      fn(at / (tile.thread_m * tile.thread_n),
         lane_m() + at / tile.thread_n % tile.thread_m * tile.lanes_m,
         lane_n() + at % tile.thread_n * tile.lanes_n, sums_[i]);
    }
  }

 private:
  static constexpr int lanes_k = tile.lanes_k();
  static constexpr int results = slots * tile.thread_m * tile.thread_n;
  static constexpr bool large = results >= 64 && lanes_k == 1;
  static constexpr bool crowded = tile.blocks > 1 && results >= 20;
  static constexpr int unrolled = large ? 2 : crowded ? 1 : 4;
  static_assert(results % lanes_k == 0);

  static __device__ __forceinline__ int lane_k() { return int(threadIdx.x) % lanes_k; }
  static __device__ __forceinline__ int lane_m() {
    return int(threadIdx.x) / lanes_k % tile.lanes_m;
  }
  static __device__ __forceinline__ int lane_n() {
    return int(threadIdx.x) % 32 / (lanes_k * tile.lanes_m);
  }
  static __device__ __forceinline__ constexpr int index(int slot, int m, int n) {
    return (slot * tile.thread_m + m) * tile.thread_n + n;
  }

  /// Adds up over the lanes that share k: each of a pair keeps one half of the sums and gives the
  /// other away, then a quarter, and so on.
  template <int bit, int half>
  __device__ __forceinline__ void gather() {
    if constexpr (bit > 0) {
      const bool upper = lane_k() & bit;
#pragma unroll
      for (int i = 0; i < half; ++i) {
        const float given = upper ? sums_[i] : sums_[half + i];
        const float kept = upper ? sums_[half + i] : sums_[i];
        sums_[i] = kept + __shfl_xor_sync(~0u, given, bit);
      }
      gather<bit / 2, half / 2>();
    }
  }

  float sums_[results] = {};
};

}  // namespace rnnbench::fused
