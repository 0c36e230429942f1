// C = A · Wᵀ through cuBLAS in every number format, by the faster of two ways of handing over W.
// Sums are in f32; f32 itself is multiplied without TF32.
//
// Why a choice: for products of few rows cuBLAS picks its kernel by the shapes and transpositions
// it is given, and picks badly at times. On an H200, W [768, 256] times 10 rows took 25 us as it
// lies and 5 us from a transposed copy; W [1024, 256] times 10 rows took 3 us as it lies and 4 us
// from the copy.
#pragma once

#include <algorithm>

#include "impls/common/cublas.cuh"
#include "impls/common/cuda_graph.cuh"
#include "impls/common/formats.cuh"

namespace rnnbench {

/// How the weights lie that cuBLAS is given: [n, k] as they came, or a transposed copy [k, n].
enum class WeightForm { given, transposed };

/// Sizes of one product. a: [m, k], rows lda apart; w: [n, k]; c: [m, n].
struct ProductShape {
  std::int64_t m, n, k, lda;
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
  RNNBENCH_CUBLAS(cublasGemmEx(handle, given ? CUBLAS_OP_T : CUBLAS_OP_N, CUBLAS_OP_N, int(s.n),
                               int(s.m), int(s.k), &one, w, cuda_type<T>, int(given ? s.k : s.n), a,
                               cuda_type<T>, int(s.lda), &beta, c, cuda_type<Out>, int(s.n),
                               compute_type(dtype), CUBLAS_GEMM_DEFAULT));
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

/// w: [rows, columns] as [columns, rows].
template <class T>
DeviceArray<T> transposed_copy(const T* w, std::int64_t rows, std::int64_t columns,
                               cudaStream_t stream) {
  DeviceArray<T> copy(std::size_t(rows * columns));
  const dim3 grid(blocks_for(std::size_t(columns), 32),
                  std::min(blocks_for(std::size_t(rows), 32), 65535u));
  transpose_kernel<T><<<grid, dim3(32, 8), 0, stream>>>(w, copy.get(), int(rows), int(columns));
  RNNBENCH_LAUNCHED(transpose_kernel);
  return copy;
}

/// The faster form on this device, by trying both; `given` unless the copy gains 2 % and fits twice
/// into free memory. Tried as graphs: small products are faster than the host can launch them.
/// Overwrites c. For make: allocates and waits.
template <class T, class Out>
WeightForm faster_form(CublasHandle& handle, Dtype dtype, const ProductShape& s, const T* a,
                       const T* w, Out* c, cudaStream_t stream) {
  std::size_t available = 0, total = 0;
  RNNBENCH_CUDA(cudaMemGetInfo(&available, &total));
  if (available / 2 < std::size_t(s.n * s.k) * sizeof(T)) return WeightForm::given;
  const DeviceArray<T> copy = transposed_copy(w, s.n, s.k, stream);
  handle.use(stream);
  const int calls = double(s.m) * double(s.n) * double(s.k) > 1e9 ? 1 : 20;
  const auto least_seconds = [&](WeightForm form) {
    const auto call = [&] {
      cublas_multiply(handle, dtype, s, a, form == WeightForm::given ? w : copy.get(), form, c);
    };
    call();  // loads the library's kernel, which a capture may not
    CudaGraph graph(stream, [&] {
      for (int i = 0; i < calls; ++i) call();
    });
    CudaEvent start, stop;
    double least = 1e30;
    for (int round = 0; round < 4; ++round) {
      RNNBENCH_CUDA(cudaEventRecord(start, stream));
      graph.launch(stream);
      RNNBENCH_CUDA(cudaEventRecord(stop, stream));
      RNNBENCH_CUDA(cudaEventSynchronize(stop));
      if (round > 0) least = std::min(least, seconds_between(start, stop));
    }
    return least;
  };
  const double given = least_seconds(WeightForm::given);
  return least_seconds(WeightForm::transposed) < 0.98 * given ? WeightForm::transposed
                                                              : WeightForm::given;
}

}  // namespace rnnbench
