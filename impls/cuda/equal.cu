// Whether two places on the device hold the same bytes: what the harness asks of weights that can
// be gigabytes, after the first call of every kernel. Bound by memory bandwidth: each thread reads
// 16 bytes of both at a time, and only one that finds a difference writes.
#include <algorithm>
#include <cstdint>

#include "impls/common/cuda_backend.cuh"
#include "impls/common/cuda_check.cuh"

namespace rnnbench {
namespace {

constexpr int threads = 256;
constexpr std::size_t most_blocks = 4096;

/// a, b: [pieces] of 16 bytes, then [tail] single ones.
__global__ void find_difference(const uint4* a, const uint4* b, std::size_t pieces, int tail,
                                int* differs) {
  const std::size_t first = std::size_t{blockIdx.x} * threads + threadIdx.x;
  bool same = true;
  for (std::size_t k = first; k < pieces; k += std::size_t{gridDim.x} * threads) {
    const uint4 left = a[k], right = b[k];
    same = same && left.x == right.x && left.y == right.y && left.z == right.z && left.w == right.w;
  }
  if (first < std::size_t(tail)) {
    const auto* const rest_a = reinterpret_cast<const unsigned char*>(a + pieces);
    const auto* const rest_b = reinterpret_cast<const unsigned char*>(b + pieces);
    same = same && rest_a[first] == rest_b[first];
  }
  if (!same) *differs = 1;
}

}  // namespace

bool cuda_equal(const void* a, const void* b, std::size_t bytes, int* differs,
                cudaStream_t stream) {
  RNNBENCH_CUDA(cudaMemsetAsync(differs, 0, sizeof(int), stream));
  const std::size_t pieces = bytes / sizeof(uint4);
  const std::size_t blocks = std::clamp<std::size_t>(pieces / threads, 1, most_blocks);
  find_difference<<<unsigned(blocks), threads, 0, stream>>>(static_cast<const uint4*>(a),
                                                            static_cast<const uint4*>(b), pieces,
                                                            int(bytes % sizeof(uint4)), differs);
  RNNBENCH_CUDA(cudaGetLastError());
  int found = 0;
  RNNBENCH_CUDA(cudaMemcpyAsync(&found, differs, sizeof(int), cudaMemcpyDeviceToHost, stream));
  RNNBENCH_CUDA(cudaStreamSynchronize(stream));
  return found == 0;
}

}  // namespace rnnbench
