// The ceilings of this GPU, measured: copy bandwidth, GEMM rates, barriers. Under two seconds.
#include <algorithm>
#include <array>
#include <cstdint>

#include "impls/common/cublas.cuh"
#include "impls/common/cuda_backend.cuh"

namespace rnnbench {
namespace {

constexpr int repeats = 3;

/// U(-1, 1) from the index alone; zeros would run faster than real data does.
template <class T>
__global__ void fill_uniform(T* values, std::size_t count) {
  const std::size_t stride = std::size_t{gridDim.x} * blockDim.x;
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += stride) {
    std::uint64_t bits = (i + 1) * 0x9E3779B97F4A7C15ull;
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9ull;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBull;
    values[i] = T(static_cast<float>(bits >> 40) * 0x1p-23f - 1.0f);
  }
}

template <class T>
void fill(void* values, std::size_t count, cudaStream_t stream) {
  fill_uniform<<<2048, 256, 0, stream>>>(static_cast<T*>(values), count);
  RNNBENCH_LAUNCHED(fill_uniform);
}

/// Least time of one call over a few, after one that is not counted.
template <class Call>
double least_seconds(cudaStream_t stream, Call call) {
  CudaEvent start, stop;
  double least = 0;
  for (int i = 0; i <= repeats; ++i) {
    RNNBENCH_CUDA(cudaEventRecord(start, stream));
    call();
    RNNBENCH_CUDA(cudaEventRecord(stop, stream));
    RNNBENCH_CUDA(cudaEventSynchronize(stop));
    const double seconds = seconds_between(start, stop);
    if (i == 1 || (i > 1 && seconds < least)) least = seconds;
  }
  return least;
}

std::size_t free_bytes() {
  std::size_t available = 0, total = 0;
  RNNBENCH_CUDA(cudaMemGetInfo(&available, &total));
  return available;
}

double copy_rate(std::size_t bytes, cudaStream_t stream) {
  DeviceArray<std::uint64_t> from(bytes / 8), to(bytes / 8);
  fill<float>(from.get(), bytes / 4, stream);
  const double seconds = least_seconds(stream, [&] {
    RNNBENCH_CUDA(cudaMemcpyAsync(to.get(), from.get(), bytes, cudaMemcpyDeviceToDevice, stream));
  });
  return 2.0 * static_cast<double>(bytes) / seconds;
}

struct GemmKind {
  const char* name;
  cudaDataType_t storage;
  cublasComputeType_t compute;
};
// Sums are f32 throughout. f32 is the library's default math, as its callers here use it: f32
// products, TF32 only where asked for.
constexpr std::array<GemmKind, 4> gemm_kinds{{{"f32", CUDA_R_32F, CUBLAS_COMPUTE_32F},
                                              {"tf32", CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32},
                                              {"f16", CUDA_R_16F, CUBLAS_COMPUTE_32F},
                                              {"bf16", CUDA_R_16BF, CUBLAS_COMPUTE_32F}}};

double gemm_rate(cublasHandle_t handle, const GemmKind& kind, int n, void* a, void* b, void* c,
                 cudaStream_t stream) {
  const std::size_t count = std::size_t(n) * std::size_t(n);
  for (void* matrix : {a, b}) {
    if (kind.storage == CUDA_R_32F) fill<float>(matrix, count, stream);
    if (kind.storage == CUDA_R_16F) fill<__half>(matrix, count, stream);
    if (kind.storage == CUDA_R_16BF) fill<__nv_bfloat16>(matrix, count, stream);
  }
  const float one = 1, zero = 0;
  const double seconds = least_seconds(stream, [&] {
    RNNBENCH_CUBLAS(cublasGemmEx(handle, CUBLAS_OP_T, CUBLAS_OP_N, n, n, n, &one, a, kind.storage,
                                 n, b, kind.storage, n, &zero, c, kind.storage, n, kind.compute,
                                 CUBLAS_GEMM_DEFAULT));
  });
  return 2.0 * n * n * n / seconds;
}

}  // namespace

Peaks cuda_calibrate(const DeviceInfo& device, cudaStream_t stream) {
  Peaks peaks;
  // Many times the L2, and a GEMM that fills the chip; less where memory is short.
  std::size_t copied = std::size_t{1} << 30;
  while (copied > free_bytes() / 4) copied /= 2;
  peaks.copy_bytes_per_s = copy_rate(copied, stream);

  int n = 8192;
  while (3 * sizeof(float) * std::size_t(n) * std::size_t(n) > free_bytes() / 2) n /= 2;
  CublasHandle handle;
  handle.use(stream);
  DeviceArray<float> a(std::size_t(n) * n), b(a.size()), c(a.size());
  for (const GemmKind& kind : gemm_kinds)
    if (device.cc >= 80 || kind.storage != CUDA_R_16BF)
      peaks.gemm_flops_per_s[kind.name] =
          gemm_rate(handle, kind, n, a.get(), b.get(), c.get(), stream);
  peaks.exchange_s = cuda_barriers(device, stream);
  peaks.exchange = cuda_exchange(device, true, stream);

  const std::string size = std::to_string(n);
  peaks.how =
      "device-to-device copy of " + mebibytes(copied) + " (read + written); cuBLAS " + size +
      "^3 on uniform random data, f32 in default math (no TF32), f32 sums; the better of grid "
      "and cluster barrier; each the best of " +
      std::to_string(repeats);
  return peaks;
}

}  // namespace rnnbench
