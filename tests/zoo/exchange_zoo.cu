#include "impls/common/exchange_cluster.cuh"
#include "impls/common/exchange_l2.cuh"
#include "tests/zoo/exchange_zoo.hpp"

namespace rnnbench {
namespace {

using namespace exchange;

/// One value of h is another than was sent, in one block and round.
template <int round_of_it>
class OneValue : public EpochWords<3> {
 public:
  using EpochWords<3>::EpochWords;
  __device__ bool gather(int round) {
    const bool got = EpochWords<3>::gather(round);
    if (round == round_of_it && blockIdx.x == 1 && threadIdx.x == 0) shared_h()[700] ^= 1;
    __syncthreads();
    return got;
  }
};

/// One block publishes nothing any more.
template <class Way>
class Silent : public Way {
 public:
  using Way::Way;
  __device__ void publish(int round) {
    if (round < zoo::bad_round || blockIdx.x == 0) Way::publish(round);
  }
};

template <class Way>
__global__ void __launch_bounds__(threads, 1) through_l2(Task task) {
  run_rounds<Way>(task);
}
template <class Way>
__global__ void __launch_bounds__(threads, 1) through_clusters(Task task) {
#if __CUDA_ARCH__ >= 900
  run_rounds<Way>(task);
#endif
}

void (*kernel_of(zoo::Mistake mistake))(Task) {
  switch (mistake) {
    case zoo::Mistake::one_value:
      return through_l2<OneValue<zoo::bad_round>>;
    case zoo::Mistake::one_value_at_the_end:
      return through_l2<OneValue<zoo::rounds>>;
    case zoo::Mistake::silent:
      return through_l2<Silent<EpochWords<3>>>;
    case zoo::Mistake::silent_cluster:
      return through_clusters<Silent<AsyncStores>>;
    default:
      return through_l2<EpochWords<3>>;
  }
}

struct Memory {
  uint4 words[4096];
  unsigned flags[zoo::blocks];
  Report report;
};

cudaError_t run(zoo::Mistake mistake, Memory* memory, zoo::Seen* seen) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeCooperative;
  attribute.val.cooperative = 1;
  if (mistake == zoo::Mistake::silent_cluster) {
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = zoo::blocks;
    attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
  }
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(zoo::blocks);
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = 2 * 4096 + 16;
  config.attrs = &attribute;
  config.numAttrs = 1;
  const bool all = mistake != zoo::Mistake::one_value_at_the_end;
  const Task task{4096, zoo::rounds, all, memory->words, memory->flags, &memory->report};
  cudaError_t error = cudaMemset(memory, 0, sizeof *memory);
  if (error == cudaSuccess) error = cudaLaunchKernelEx(&config, kernel_of(mistake), task);
  if (error == cudaSuccess) error = cudaDeviceSynchronize();
  if (error == cudaSuccess)
    error = cudaMemcpy(seen, &memory->report, sizeof *seen, cudaMemcpyDeviceToHost);
  return error;
}

}  // namespace
}  // namespace rnnbench

extern "C" int rnnbench_exchange_zoo(rnnbench::zoo::Mistake mistake, rnnbench::zoo::Seen* seen) {
  rnnbench::Memory* memory = nullptr;
  cudaError_t error = cudaMalloc(&memory, sizeof *memory);
  if (error != cudaSuccess) return error;
  error = rnnbench::run(mistake, memory, seen);
  (void)cudaFree(memory);
  return error;
}
