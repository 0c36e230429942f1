// C = A · Wᵀ (+ bias) in float64: the reference's only product. Not a peer's library, so that the
// reference does not share its mistakes.
//
// A block of threads makes one tile of C; each thread keeps TM x TN sums in registers, so that
// every value fetched from shared memory feeds TM or TN multiply-adds. Bound by the float64 units
// where M is large, by reading W where M is the batch of one step.
#pragma once

#include <cstdint>

#include "impls/common/cuda_check.cuh"

namespace rnnbench {

/// Rows of A in device memory: row r is group r / group, member r % group.
template <class T>
struct DeviceRows {
  const T* data = nullptr;
  std::int64_t group = 1;
  std::int64_t group_stride = 0, member_stride = 0;  // in elements
};

/// a: [m, k] as DeviceRows; w: [n, k]; bias: [n] or null (only without splits);
/// c: [splits, m, n], the sum over one slice of k each, to be added up by the reader.
template <class T>
struct ProductF64 {
  DeviceRows<T> a;
  const float* w = nullptr;
  const float* bias = nullptr;
  double* c = nullptr;
  std::int64_t m = 0;
  int n = 0, k = 0;
  int splits = 1;
};

constexpr int product_depth = 16;  // of k in shared memory at a time

template <int BM, int BN, int TM, int TN, class T>
__global__ void __launch_bounds__((BM / TM) * (BN / TN))
    product_f64_kernel(ProductF64<T> p, int k_per_split) {
  constexpr int columns = BN / TN, threads = (BM / TM) * columns, BK = product_depth;
  __shared__ double a_tile[BK][BM + 1];  // +1: a transposed store meets every bank once
  __shared__ double w_tile[BK][BN + 1];
  const int thread = static_cast<int>(threadIdx.x);
  const int tx = thread % columns, ty = thread / columns;
  const std::int64_t m0 = std::int64_t{blockIdx.x} * BM;
  const int n0 = static_cast<int>(blockIdx.y) * BN;
  const int k_begin = static_cast<int>(blockIdx.z) * k_per_split;
  const int k_end = min(p.k, k_begin + k_per_split);

  constexpr int a_loads = BM * BK / threads, w_loads = BN * BK / threads, row_step = threads / BK;
  const int load_k = thread % BK, load_row = thread / BK;
  const T* a_rows[a_loads];
#pragma unroll
  for (int i = 0; i < a_loads; ++i) {
    const std::int64_t row = m0 + load_row + i * row_step;
    a_rows[i] = row < p.m ? p.a.data + row / p.a.group * p.a.group_stride +
                                row % p.a.group * p.a.member_stride
                          : nullptr;
  }

  double sums[TM][TN] = {};
  for (int k0 = k_begin; k0 < k_end; k0 += BK) {
    const int k = k0 + load_k;
#pragma unroll
    for (int i = 0; i < a_loads; ++i)
      a_tile[load_k][load_row + i * row_step] = a_rows[i] && k < k_end ? double(a_rows[i][k]) : 0;
#pragma unroll
    for (int i = 0; i < w_loads; ++i) {
      const int row = n0 + load_row + i * row_step;
      w_tile[load_k][load_row + i * row_step] =
          row < p.n && k < k_end ? double(p.w[std::int64_t{row} * p.k + k]) : 0;
    }
    __syncthreads();
#pragma unroll 4
    for (int kk = 0; kk < BK; ++kk) {
      double a[TM], w[TN];
#pragma unroll
      for (int i = 0; i < TM; ++i) a[i] = a_tile[kk][ty + i * (BM / TM)];
#pragma unroll
      for (int j = 0; j < TN; ++j) w[j] = w_tile[kk][tx + j * columns];
#pragma unroll
      for (int i = 0; i < TM; ++i)
#pragma unroll
        for (int j = 0; j < TN; ++j) sums[i][j] = fma(a[i], w[j], sums[i][j]);
    }
    __syncthreads();
  }
  double* c = p.c + std::int64_t{blockIdx.z} * p.m * p.n;
#pragma unroll
  for (int i = 0; i < TM; ++i)
#pragma unroll
    for (int j = 0; j < TN; ++j) {
      const std::int64_t row = m0 + ty + i * (BM / TM);
      const int column = n0 + tx + j * columns;
      if (row < p.m && column < p.n)
        c[row * p.n + column] = sums[i][j] + (p.bias ? double(p.bias[column]) : 0);
    }
}

/// How many slices of k make a product of few rows fill a device of `units` SMs.
inline int product_splits(std::int64_t m, int n, int k, int units) {
  const std::int64_t tiles = (m + 31) / 32 * ((n + 63) / 64);
  const std::int64_t wanted = (4 * units + tiles - 1) / tiles;
  const std::int64_t most = (k + 4 * product_depth - 1) / (4 * product_depth);
  return static_cast<int>(std::max<std::int64_t>(1, std::min({wanted, most, std::int64_t{16}})));
}

template <int BM, int BN, int TM, int TN, class T>
void launch_product(const ProductF64<T>& p, cudaStream_t stream) {
  const int slice = (p.k + p.splits - 1) / p.splits;
  const int k_per_split = (slice + product_depth - 1) / product_depth * product_depth;
  const dim3 grid(blocks_for(static_cast<std::size_t>(p.m), BM),
                  blocks_for(static_cast<std::size_t>(p.n), BN), static_cast<unsigned>(p.splits));
  product_f64_kernel<BM, BN, TM, TN><<<grid, (BM / TM) * (BN / TN), 0, stream>>>(p, k_per_split);
  RNNBENCH_LAUNCHED(product_f64_kernel);
}

template <class T>
void multiply(const ProductF64<T>& p, cudaStream_t stream) {
  if (p.m <= 64)
    launch_product<32, 64, 4, 4>(p, stream);
  else
    launch_product<128, 64, 8, 8>(p, stream);
}

}  // namespace rnnbench
