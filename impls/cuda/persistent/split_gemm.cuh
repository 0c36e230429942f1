// x · Wᵀ in f32 as three products of f16 parts on tensor cores, for the input products of all
// steps: 341 multiply-adds a clock and SM where the f32 units make 128.
//
// Values are scaled by powers of two, one for x and one for W, so that f16 holds both parts
// (products.cuh). Tensor cores cut sums off where f32 units round them, so each 32 values of k are
// summed up from nothing, and these sums by the f32 units.
//
// What bounds it: mma.sync, while a block's eight warps keep it busy; x is split anew by each warp
// that reads it. Small tiles are for products that would not give every SM a large one: their
// blocks have two teams of eight warps, which take turns in k, so that there is more to do while
// one waits. Teaches: fragments as 16-byte loads without ldmatrix, since k may be permuted.
#pragma once

#include "impls/common/async_copy.cuh"
#include "impls/common/launch_overlap.cuh"
#include "impls/cuda/persistent/primitives.cuh"
#include "impls/cuda/persistent/products.cuh"

namespace rnnbench::persistent {

struct SplitGemm {
  const float* x;          // [m, k], k a multiple of 4, rows aligned to 16 bytes
  const std::uint32_t* w;  // [n, split_gemm_k(k)]: quads of `split` elements, zeros beyond k
  const float* w_scale;    // what W was multiplied by
  const float* largest;    // of |x|: [split_gemm_blocks], the largest of them all counts
  float* c;                // [m, n]
  int m, n, k;
};

inline constexpr int split_gemm_depth = 32;
inline constexpr int split_gemm_threads = 256;  // of a team
inline constexpr int split_gemm_blocks = 256;   // of the kernel that looks for the largest

/// What a block makes: teams of eight warps, four by two, each 16 rows times 8 columns that many
/// times.
struct SplitTile {
  int m_tiles, n_tiles;
  int stages;  // of a team's copies
  int teams;   // 1 or 2
  RNNBENCH_HOST_DEVICE constexpr int m() const { return 4 * 16 * m_tiles; }
  RNNBENCH_HOST_DEVICE constexpr int n() const { return 2 * 8 * n_tiles; }
  RNNBENCH_HOST_DEVICE constexpr int threads() const { return split_gemm_threads * teams; }
  RNNBENCH_HOST_DEVICE constexpr int stage() const {
    return (m() + n()) * split_gemm_depth;
  }  // words
  RNNBENCH_HOST_DEVICE constexpr int bytes() const { return teams * stages * stage() * 4 + 16; }
};
inline constexpr SplitTile split_tiles[] = {{2, 8, 3, 1}, {1, 6, 4, 2}, {1, 4, 5, 2}};
RNNBENCH_HOST_DEVICE constexpr int split_gemm_k(int k) {
  return (k + split_gemm_depth - 1) / split_gemm_depth * split_gemm_depth;
}

/// Grid: split_gemm_blocks; threads: split_gemm_threads. x: [count], a multiple of 4.
inline __global__ void split_gemm_largest(const float* x, std::int64_t count, float* largest) {
  allow_next_launch();
  RNNBENCH_SHARED(std::uint32_t, all);
  if (threadIdx.x == 0) all = 0;
  __syncthreads();
  float own = 0;
  const auto* const fours = reinterpret_cast<const float4*>(x);
#pragma unroll 4
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count / 4;
       i += std::int64_t{gridDim.x} * blockDim.x) {
    const float4 v = fours[i];
    own = fmaxf(own, fmaxf(fmaxf(finite_size(v.x), finite_size(v.y)),
                           fmaxf(finite_size(v.z), finite_size(v.w))));
  }
  raise(&all, own);
  __syncthreads();
  if (threadIdx.x == 0) largest[blockIdx.x] = __uint_as_float(all);
}

/// Grid: blocks for n * split_gemm_k(k) / 4 threads. w: [n, k]; scale: what the largest of W asks
/// for, kept for the product.
inline __global__ void split_gemm_pack(const float* w, int n, int k, const float* largest,
                                       float* scale, std::uint32_t* packed) {
  float most = 0;
  for (int i = 0; i < split_gemm_blocks; ++i) most = fmaxf(most, largest[i]);
  const float up = scale_for(most);
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i == 0) *scale = up;
  const int fours = split_gemm_k(k) / 4;
  if (i >= std::int64_t{n} * fours) return;
  const std::int64_t row = i / fours;
  std::uint32_t word[4];
#pragma unroll
  for (int e = 0; e < 4; ++e) {
    const int column = int(i % fours) * 4 + e;
    word[e] = bits<Element::split>(column < k ? w[row * k + column] * up : 0.0f);
  }
  Quad<Element::split> quad;
  quad.set(word[0], word[1], word[2], word[3]);
#pragma unroll
  for (int e = 0; e < 4; ++e) packed[i * 4 + e] = quad.word[e];
}

/// Where 16 bytes of a row lie: four lanes' pieces of one row and four of the next are read at
/// once, from banks of their own.
__device__ __forceinline__ int split_gemm_place(int row, int piece) {
  return row * split_gemm_depth + (piece ^ (row & 1) * 4) * 4;
}

/// The parts of four values of x.
__device__ __forceinline__ void split_four(Quad<Element::split>& quad, float4 v, float scale) {
  const __half2 high[2] = {__floats2half2_rn(v.x * scale, v.y * scale),
                           __floats2half2_rn(v.z * scale, v.w * scale)};
  const float2 near[2] = {__half22float2(high[0]), __half22float2(high[1])};
  const __half2 low[2] = {__floats2half2_rn(v.x * scale - near[0].x, v.y * scale - near[0].y),
                          __floats2half2_rn(v.z * scale - near[1].x, v.w * scale - near[1].y)};
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    quad.word[i] = *reinterpret_cast<const std::uint32_t*>(&high[i]);
    quad.word[2 + i] = *reinterpret_cast<const std::uint32_t*>(&low[i]);
  }
}

/// Grid: (n, m) in tiles; threads and shared memory: the tile's. May begin before the kernel that
/// looks for the largest has ended.
template <int tile_index>
__global__ void __launch_bounds__(split_tiles[tile_index].threads(), 1)
    split_gemm(const __grid_constant__ SplitGemm what) {
  constexpr SplitTile tile = split_tiles[tile_index];
  constexpr int depth = split_gemm_depth, stages = tile.stages, teams = tile.teams;
  constexpr int m_tiles = tile.m_tiles, n_tiles = tile.n_tiles;
  RNNBENCH_DYNAMIC_SHARED(memory);
  const int thread = int(threadIdx.x) % split_gemm_threads, warp = thread / 32, lane = thread % 32;
  const int team = teams > 1 ? __shfl_sync(~0u, int(threadIdx.x) / split_gemm_threads, 0) : 0;
  const int first_m = int(blockIdx.y) * tile.m(), first_n = int(blockIdx.x) * tile.n();
  const int padded_k = split_gemm_k(what.k);
  const int chunks = (padded_k / depth - team + teams - 1) / teams;  // of this team
  float* const of_team = memory + team * stages * tile.stage();
  const auto fetch = [&](int chunk) {
    float* const x = of_team + chunk % stages * tile.stage();
    float* const w = x + tile.m() * depth;
    if (chunk < chunks) {
      const int piece = thread % 8, column = (chunk * teams + team) * depth + piece * 4;
      // All at once, and each address but once: counted, not bounded by the thread's own row.
#pragma unroll
      for (int i = 0; i < tile.m() / 32; ++i) {
        const int row = thread / 8 + i * 32;
        const bool there = first_m + row < what.m && column < what.k;
        copy_async_16(x + split_gemm_place(row, piece),
                      there ? what.x + std::int64_t{first_m + row} * what.k + column : what.x,
                      there);
      }
#pragma unroll
      for (int i = 0; i < tile.n() / 32; ++i) {
        const int row = thread / 8 + i * 32;
        const bool there = first_n + row < what.n;
        copy_async_16(w + split_gemm_place(row, piece),
                      there ? what.w + std::int64_t{first_n + row} * padded_k + column : what.w,
                      there);
      }
    }
    copies_commit();
  };
  for (int chunk = 0; chunk < stages - 1; ++chunk) fetch(chunk);

  auto* const largest = reinterpret_cast<std::uint32_t*>(memory + teams * stages * tile.stage());
  if (threadIdx.x == 0) *largest = 0;
  allow_next_launch();
  wait_for_previous_launch();
  __syncthreads();
  static_assert(split_gemm_blocks == split_gemm_threads);
  if (team == 0) raise(largest, what.largest[thread]);
  __syncthreads();
  const float scale = scale_for(__uint_as_float(*largest));

  const int own_m = warp / 2 * (16 * m_tiles) + lane / 4;
  const int own_n = warp % 2 * (8 * n_tiles) + lane / 4;
  float total[m_tiles][n_tiles][4] = {};
#pragma unroll 1
  for (int chunk = 0; chunk < chunks; ++chunk) {
    copies_wait<stages - 2>();
    // This stage is there for all of the team, and the one before has been read by all.
    if constexpr (teams > 1)
      meet(1 + team, split_gemm_threads);
    else
      __syncthreads();
    fetch(chunk + stages - 1);
    const float* const x = of_team + chunk % stages * tile.stage();
    const float* const w = x + tile.m() * depth;
    float sums[m_tiles][n_tiles][4] = {};
#pragma unroll
    for (int j = 0; j < depth / 16; ++j) {
      const int piece = j * 4 + lane % 4;
      Quad<Element::split> a[m_tiles][2];
#pragma unroll
      for (int m = 0; m < m_tiles; ++m)
#pragma unroll
        for (int half = 0; half < 2; ++half)
          split_four(a[m][half],
                     *reinterpret_cast<const float4*>(
                         x + split_gemm_place(own_m + m * 16 + half * 8, piece)),
                     scale);
#pragma unroll
      for (int n = 0; n < n_tiles; ++n) {
        Quad<Element::split> b;
        b.read(w + split_gemm_place(own_n + n * 8, piece));
#pragma unroll
        for (int m = 0; m < m_tiles; ++m) {
          const std::uint32_t high[4] = {a[m][0].word[0], a[m][1].word[0], a[m][0].word[1],
                                         a[m][1].word[1]};
          const std::uint32_t low[4] = {a[m][0].word[2], a[m][1].word[2], a[m][0].word[3],
                                        a[m][1].word[3]};
          multiply_add<MmaFormat::f16>(sums[m][n], low, b.word[0], b.word[1]);
          multiply_add<MmaFormat::f16>(sums[m][n], high, b.word[2], b.word[3]);
          multiply_add<MmaFormat::f16>(sums[m][n], high, b.word[0], b.word[1]);
        }
      }
    }
#pragma unroll
    for (int m = 0; m < m_tiles; ++m)
#pragma unroll
      for (int n = 0; n < n_tiles; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) total[m][n][i] += sums[m][n][i];
  }

  if constexpr (teams > 1) {                   // the first team adds the other's sums to its own
    const auto each = [&](const auto& take) {  // a sum of this thread, and its place
#pragma unroll
      for (int m = 0; m < m_tiles; ++m)
#pragma unroll
        for (int n = 0; n < n_tiles; ++n)
#pragma unroll
          for (int i = 0; i < 4; ++i)
            take(total[m][n][i], memory[((m * n_tiles + n) * 4 + i) * split_gemm_threads + thread]);
    };
    __syncthreads();
    if (team > 0) each([](float sum, float& place) { place = sum; });
    __syncthreads();
    if (team > 0) return;
    each([](float& sum, float place) { sum += place; });
  }

  const float down = 1 / scale / *what.w_scale;
#pragma unroll
  for (int m = 0; m < m_tiles; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = first_m + own_m + m * 16 + half * 8;
      if (row >= what.m) continue;
      float* const to = what.c + std::int64_t{row} * what.n;
#pragma unroll
      for (int n = 0; n < n_tiles; ++n) {
        const int column = first_n + warp % 2 * (8 * n_tiles) + n * 8 + lane % 4 * 2;
        const float2 two{total[m][n][2 * half] * down, total[m][n][2 * half + 1] * down};
        if (what.n % 2 == 0 && column < what.n) {
          *reinterpret_cast<float2*>(to + column) = two;
        } else {
          if (column < what.n) to[column] = two.x;
          if (column + 1 < what.n) to[column + 1] = two.y;
        }
      }
    }
}

}  // namespace rnnbench::persistent
