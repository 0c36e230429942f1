// Products of a tile on tensor cores by mma.sync, in every format that CC 8.0 knows.
//
// One k-step is 32 bytes of a row: 16 values of 16 bits or 8 of tf32. Fragments of both are the
// same words in the same lanes, so ldmatrix serves all formats. Weights are read two k-steps at a
// time. f32 values are rounded to tf32 to nearest, where the hardware by itself would cut them off.
//
// tf32x3: a = high + low in tf32 each; high * high + high * low + low * high leaves out a part of
// 2^-22 or so of the product.
#pragma once

#include "impls/common/async_copy.cuh"
#include "impls/common/formats.cuh"
#include "impls/common/mma.cuh"
#include "impls/cuda/fused/ffma.cuh"

namespace rnnbench::fused {

/// Four 8 x 16-byte blocks: lane l names a row of block l / 8, and gets word l % 4 of row l / 4 of
/// each.
__device__ __forceinline__ void load_blocks(std::uint32_t (&words)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "r"(shared_address(row))
               : "memory");
}

template <Product product>
inline constexpr MmaFormat format_of = product == Product::f16    ? MmaFormat::f16
                                       : product == Product::bf16 ? MmaFormat::bf16
                                                                  : MmaFormat::tf32;

template <Product product>
struct StorageOf {
  using type = float;
};
template <>
struct StorageOf<Product::f16> {
  using type = __half;
};
template <>
struct StorageOf<Product::bf16> {
  using type = __nv_bfloat16;
};

/// Same interface as the f32 one: see ffma.cuh.
template <Tile tile, int gates, Product product>
class WarpProduct {
 public:
  using Storage = typename StorageOf<product>::type;
  static constexpr int slots = slots_of(gates);

  __device__ __forceinline__ void multiply(const unsigned char* rows, const unsigned char* weights,
                                           int warp_k) {
    constexpr int share = tile.chunk_bytes / 64 / tile.warps_k;  // pairs of k-steps
    static_assert(share * 64 * tile.warps_k == tile.chunk_bytes);
    const int lane = int(threadIdx.x) % 32;
    rows += (lane % 16) * tile.row_bytes() + (lane / 16) * 16 + warp_k * share * 64;
    weights += (lane % 8) * tile.row_bytes() + (lane / 8) * 16 + warp_k * share * 64;
#pragma unroll
    for (int pair = 0; pair < share; ++pair) {
      std::uint32_t a[2][tile.thread_m][4];
#pragma unroll
      for (int m = 0; m < tile.thread_m; ++m)
#pragma unroll
        for (int step = 0; step < 2; ++step)
          load_blocks(a[step][m], rows + 16 * m * tile.row_bytes() + pair * 64 + step * 32);
      std::uint32_t a_low[2][tile.thread_m][4];
      if constexpr (element_bytes(product) == 4)
#pragma unroll
        for (int m = 0; m < tile.thread_m; ++m)
#pragma unroll
          for (int step = 0; step < 2; ++step)
#pragma unroll
            for (int word = 0; word < 4; ++word) split(a[step][m][word], a_low[step][m][word]);
#pragma unroll
      for (int g = 0; g < gates; ++g)
#pragma unroll
        for (int n = 0; n < tile.thread_n; ++n) {
          std::uint32_t b[4], b_low[4];
          load_blocks(b, weights + (g * tile.block_n() + 8 * n) * tile.row_bytes() + pair * 64);
          if constexpr (element_bytes(product) == 4)
#pragma unroll
            for (int word = 0; word < 4; ++word) split(b[word], b_low[word]);
#pragma unroll
          for (int step = 0; step < 2; ++step)
#pragma unroll
            for (int m = 0; m < tile.thread_m; ++m) {
              float(&sums)[4] = sums_[g][m][n];
              if constexpr (product == Product::tf32x3) {
                multiply_add<format_of<product>>(sums, a_low[step][m], b[2 * step],
                                                 b[2 * step + 1]);
                multiply_add<format_of<product>>(sums, a[step][m], b_low[2 * step],
                                                 b_low[2 * step + 1]);
              }
              multiply_add<format_of<product>>(sums, a[step][m], b[2 * step], b[2 * step + 1]);
            }
        }
    }
  }

  __device__ __forceinline__ void next_phase() {
    if constexpr (slots > gates) {
#pragma unroll
      for (int m = 0; m < tile.thread_m; ++m)
#pragma unroll
        for (int n = 0; n < tile.thread_n; ++n)
#pragma unroll
          for (int i = 0; i < 4; ++i)
            sums_[gates][m][n][i] = sums_[gates - 1][m][n][i], sums_[gates - 1][m][n][i] = 0;
    }
  }

  template <class Fn>
  __device__ __forceinline__ void each(const Fn& fn) const {
    const int lane = int(threadIdx.x) % 32;
#pragma unroll
    for (int s = 0; s < slots; ++s)
#pragma unroll
      for (int m = 0; m < tile.thread_m; ++m)
#pragma unroll
        for (int n = 0; n < tile.thread_n; ++n)
#pragma unroll
          for (int i = 0; i < 4; ++i)
            fn(s, 16 * m + lane / 4 + 8 * (i / 2), 8 * n + 2 * (lane % 4) + i % 2,
               sums_[s][m][n][i]);
  }

 private:
  /// A loaded f32 word becomes its tf32 and, for tf32x3, the tf32 of what that leaves.
  static __device__ __forceinline__ void split(std::uint32_t& word, std::uint32_t& low) {
    const float value = __uint_as_float(word);
    word = round_to_tf32(value);
    if constexpr (product == Product::tf32x3) low = round_to_tf32(value - __uint_as_float(word));
  }

  float sums_[slots][tile.thread_m][tile.thread_n][4] = {};
};

}  // namespace rnnbench::fused
