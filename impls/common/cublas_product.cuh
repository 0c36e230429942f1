// C = A · Wᵀ through cuBLAS in every number format, singly or in strided batches, with W as it lies
// or transposed. Sums are in f32; f32 itself is multiplied without TF32.
#pragma once

#include <algorithm>

#include "impls/common/cublas.cuh"
#include "impls/common/formats.cuh"

namespace rnnbench {

/// How the weights lie that cuBLAS is given: [n, k] as they came, or a transposed copy [k, n].
enum class WeightForm { given, transposed };

/// Sizes of a product. a: [m, k], rows lda apart; w: [n, k]; c: [m, n]. `count` of them make a
/// batch: the next one's a and c are a_stride and c_stride elements on, its w follows at once (n *
/// k).
struct ProductShape {
  std::int64_t m, n, k, lda;
  int count = 1;
  std::int64_t a_stride = 0, c_stride = 0;
};

template <class T>
constexpr cudaDataType cuda_type = CUDA_R_32F;
template <>
inline constexpr cudaDataType cuda_type<__half> = CUDA_R_16F;
template <>
inline constexpr cudaDataType cuda_type<__nv_bfloat16> = CUDA_R_16BF;

/// CUBLAS_COMPUTE_32F is f32 throughout for f32 and sums in f32 for 16-bit types; only a tf32
/// problem asks for TF32 products.
inline cublasComputeType_t compute_type(Dtype dtype) {
  return dtype == Dtype::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

/// cuBLAS counts columns first, so it is told Cᵀ = W · Aᵀ. beta 0 or 1: replaces C or adds to it.
/// Out is T or float.
template <class T, class Out>
void cublas_multiply(cublasHandle_t handle, Dtype dtype, const ProductShape& s, const T* a,
                     const T* w, WeightForm form, Out* c, float beta = 0) {
  const float one = 1;
  const bool given = form == WeightForm::given;
  const auto transposition = given ? CUBLAS_OP_T : CUBLAS_OP_N;
  const int m = int(s.m), n = int(s.n), k = int(s.k), lda = int(s.lda), ldw = given ? k : n;
  if (s.count == 1)
    RNNBENCH_CUBLAS(cublasGemmEx(handle, transposition, CUBLAS_OP_N, n, m, k, &one, w, cuda_type<T>,
                                 ldw, a, cuda_type<T>, lda, &beta, c, cuda_type<Out>, n,
                                 compute_type(dtype), CUBLAS_GEMM_DEFAULT));
  else
    RNNBENCH_CUBLAS(cublasGemmStridedBatchedEx(handle, transposition, CUBLAS_OP_N, n, m, k, &one, w,
                                               cuda_type<T>, ldw, s.n * s.k, a, cuda_type<T>, lda,
                                               s.a_stride, &beta, c, cuda_type<Out>, n, s.c_stride,
                                               s.count, compute_type(dtype), CUBLAS_GEMM_DEFAULT));
}

/// Every row of y becomes the bias, for a product that adds to it. y: [count, outputs].
template <class T>
__global__ void fill_rows(T* y, const T* bias, std::int64_t count, int outputs) {
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index < count * outputs) y[index] = bias[index % outputs];
}

template <class T>
__global__ void transpose_kernel(const T* from, T* to, int rows, int columns) {
  __shared__ T tile[32][33];
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  const int column0 = static_cast<int>(blockIdx.x) * 32;
  for (int row0 = static_cast<int>(blockIdx.y) * 32; row0 < rows; row0 += gridDim.y * 32) {
    for (int i = y; i < 32; i += 8)
      if (row0 + i < rows && column0 + x < columns)
        tile[i][x] = from[std::int64_t{row0 + i} * columns + column0 + x];
    __syncthreads();
    for (int i = y; i < 32; i += 8)
      if (column0 + i < columns && row0 + x < rows)
        to[std::int64_t{column0 + i} * rows + row0 + x] = tile[x][i];
    __syncthreads();
  }
}

/// Every matrix [rows, columns] of w as [columns, rows].
template <class T>
DeviceArray<T> transposed_copy(const DeviceArray<T>& w, std::int64_t rows, std::int64_t columns,
                               cudaStream_t stream) {
  DeviceArray<T> copy(w.size());
  const dim3 grid(blocks_for(std::size_t(columns), 32),
                  std::min(blocks_for(std::size_t(rows), 32), 65535u));
  for (std::size_t at = 0; at < w.size(); at += std::size_t(rows * columns)) {
    const T* from = w.get() + at;
    T* to = copy.get() + at;
    transpose_kernel<<<grid, dim3(32, 8), 0, stream>>>(from, to, int(rows), int(columns));
    RNNBENCH_LAUNCHED(transpose_kernel);
  }
  return copy;
}

}  // namespace rnnbench
