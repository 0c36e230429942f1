// What one barrier among c SMs costs: the price a recurrence pays per step for using c of them.
#include <cooperative_groups.h>

#include <algorithm>

#include "impls/common/cuda_backend.cuh"
#include "impls/common/cuda_check.cuh"

namespace rnnbench {
namespace {

namespace cg = cooperative_groups;
constexpr int threads = 128;
constexpr int repeats = 3;

__global__ void grid_barriers(int count) {
  const auto grid = cg::this_grid();
  for (int i = 0; i < count; ++i) grid.sync();
}

__global__ void cluster_barriers(int count) {
#if __CUDA_ARCH__ >= 900
  const auto cluster = cg::this_cluster();
  for (int i = 0; i < count; ++i) cluster.sync();
#endif
}

cudaLaunchConfig_t launch_config(int blocks, cudaStream_t stream, cudaLaunchAttribute& attribute) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(threads);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  return config;
}

cudaLaunchAttribute cooperative() {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeCooperative;
  attribute.val.cooperative = 1;
  return attribute;
}

cudaLaunchAttribute cluster_of(int blocks) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim.x = static_cast<unsigned>(blocks);
  attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
  return attribute;
}

/// Seconds per barrier: a long run minus a short one, so that the launch does not count.
double seconds_per_barrier(void (*kernel)(int), int blocks, cudaLaunchAttribute attribute,
                           cudaStream_t stream) {
  constexpr int few = 100, many = 1100;
  const auto config = launch_config(blocks, stream, attribute);
  CudaEvent start, stop;
  const auto run = [&](int count) {
    RNNBENCH_CUDA(cudaEventRecord(start, stream));
    RNNBENCH_CUDA(cudaLaunchKernelEx(&config, kernel, count));
    RNNBENCH_CUDA(cudaEventRecord(stop, stream));
    RNNBENCH_CUDA(cudaEventSynchronize(stop));
    return seconds_between(start, stop);
  };
  double least_few = run(few), least_many = run(many);
  for (int i = 0; i < repeats; ++i) {
    least_few = std::min(least_few, run(few));
    least_many = std::min(least_many, run(many));
  }
  return std::max(0.0, least_many - least_few) / (many - few);
}

bool has_attribute(cudaDeviceAttr which) {
  int device = 0, value = 0;
  RNNBENCH_CUDA(cudaGetDevice(&device));
  RNNBENCH_CUDA(cudaDeviceGetAttribute(&value, which, device));
  return value != 0;
}

}  // namespace

int cuda_max_cluster() {
  if (!has_attribute(cudaDevAttrClusterLaunch)) return 1;
  RNNBENCH_CUDA(
      cudaFuncSetAttribute(cluster_barriers, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
  cudaLaunchAttribute attribute = cluster_of(1);
  auto config = launch_config(64, nullptr, attribute);
  config.numAttrs = 0;  // the size is what is asked for
  int largest = 1;
  RNNBENCH_CUDA(cudaOccupancyMaxPotentialClusterSize(&largest, cluster_barriers, &config));
  return largest;
}

std::vector<std::pair<int, double>> cuda_barriers(const DeviceInfo& device, cudaStream_t stream) {
  const int largest = cuda_max_cluster();
  const bool grids = has_attribute(cudaDevAttrCooperativeLaunch);
  std::vector<int> counts{1, 2, 4, 8, 16, 32, 64, device.units};
  std::vector<std::pair<int, double>> found;
  for (const int units : counts) {
    if (units > device.units || (!found.empty() && units <= found.back().first)) continue;
    double best = units == 1 ? 0 : -1;  // one SM has nobody to wait for
    const auto offer = [&](double seconds) { best = best < 0 ? seconds : std::min(best, seconds); };
    if (units > 1 && grids) offer(seconds_per_barrier(grid_barriers, units, cooperative(), stream));
    if (units > 1 && units <= largest)
      offer(seconds_per_barrier(cluster_barriers, units, cluster_of(units), stream));
    if (best >= 0) found.emplace_back(units, best);
  }
  return found;
}

}  // namespace rnnbench
