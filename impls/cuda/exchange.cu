// What it costs SMs to exchange h: each way, among so many of them, for h of so many KiB.
#include <algorithm>
#include <array>
#include <vector>

#include "impls/common/cuda_backend.cuh"
#include "impls/common/cuda_check.cuh"
#include "impls/common/exchange.cuh"
#include "impls/common/exchange_cluster.cuh"
#include "impls/common/exchange_l2.cuh"

namespace rnnbench {
namespace {

using exchange::Report;
using exchange::Task;

template <class Way>
__global__ void __launch_bounds__(exchange::threads, 1) through_l2(Task task) {
  exchange::run_rounds<Way>(task);
}
template <class Way>
__global__ void __launch_bounds__(exchange::threads, 1) through_clusters(Task task) {
#if __CUDA_ARCH__ >= 900
  exchange::run_rounds<Way>(task);
#endif
}

struct Way {
  std::string name;
  void (*kernel)(Task);
  int buffers;           // of h in a block's shared memory
  bool grid;             // of blocks in any number: a cooperative launch
  bool clusters;         // needs CC 9.0
  int cluster_size = 0;  // 0: none, or all blocks are one cluster
};

std::vector<Way> all_ways(bool quick) {
  using namespace exchange;
  std::vector<Way> ways{{"l2-words16", through_l2<EpochWords<3>>, 1, true, false},
                        {"l2-words8", through_l2<EpochWords<1>>, 1, true, false},
                        {"l2-words4", through_l2<TaggedWords>, 1, true, false},
                        {"l2-flags", through_l2<BlockFlags>, 1, true, false},
                        {"l2-counter", through_l2<GridCounter>, 1, true, false},
                        {"cluster-stores", through_clusters<ClusterStores>, 2, false, true},
                        {"cluster-async", through_clusters<AsyncStores>, 2, false, true},
                        {"cluster-bulk", through_clusters<BulkCopies>, 2, false, true}};
  for (const int size : quick ? std::vector{8} : std::vector{2, 4, 8, 16})
    ways.push_back(
        {"l2-multicast-" + std::to_string(size), through_clusters<Multicast>, 2, true, true, size});
  return ways;
}

/// Numbers of units that a way is measured with.
std::vector<int> counts_of(const Way& way, bool quick, const DeviceInfo& device) {
  std::vector<int> counts;
  if (way.grid)
    counts = quick ? std::vector{16, device.units} : std::vector{8, 16, 32, 64, 128, device.units};
  else
    counts = quick ? std::vector{8, 16} : std::vector{2, 4, 8, 16};
  std::erase_if(counts, [&](int count) {
    return count > device.units ||
           (way.cluster_size > 0 && (count <= way.cluster_size || count % way.cluster_size != 0));
  });
  std::sort(counts.begin(), counts.end());
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  return counts;
}

int attribute(cudaDeviceAttr which) {
  int device = 0, value = 0;
  RNNBENCH_CUDA(cudaGetDevice(&device));
  RNNBENCH_CUDA(cudaDeviceGetAttribute(&value, which, device));
  return value;
}

constexpr int largest_kib = 128;

/// Launches lines and looks at what came of them.
class Bench {
 public:
  Bench(bool quick, cudaStream_t stream)
      : rounds_(quick ? 500 : 2000), launches_(quick ? 3 : 5), stream_(stream) {}

  /// Adds the line to those measured or missing. False where it hung: its watchdog ended it.
  bool measure(const Way& way, int units, int kib, ExchangeCosts& costs) {
    std::string why = refusal(way, units, kib);
    const bool tried = why.empty();
    bool hung = false;
    double seconds = 0;
    if (tried) try {
        seconds = median_seconds(way, units, kib, why, hung);
      } catch (const Error& error) {
        if (cudaDeviceSynchronize() != cudaSuccess) throw;  // the device is lost
        why = error.what();
      }
    if (why.empty())
      costs.measured.push_back({way.name, units, kib, seconds});
    else
      costs.missing.push_back({way.name, units, kib, why, tried});
    return !hung;
  }

  std::string how() const {
    return "each of so many blocks of " + std::to_string(exchange::threads) +
           " threads, one on an SM, owns a part of h and gathers all of it in shared memory; a "
           "launch's time / " +
           std::to_string(rounds_) + " rounds, median of " + std::to_string(launches_) +
           "; every value checked in a launch before, one a thread and round in these";
  }

 private:
  /// Of one block: so much that no two share an SM.
  int shared_bytes(const Way& way, int kib) const {
    constexpr int padding = 16;  // 16-byte words carry h in threes
    return std::max(way.buffers * kib * 1024 + padding,
                    std::min(shared_of_sm_ / 2 + 1024, shared_of_block_ - 1024));
  }

  cudaLaunchConfig_t config(const Way& way, int units, int kib) {
    cudaLaunchConfig_t made{};
    made.gridDim = dim3(static_cast<unsigned>(units));
    made.blockDim = dim3(exchange::threads);
    made.dynamicSmemBytes = static_cast<std::size_t>(shared_bytes(way, kib));
    made.stream = stream_;
    made.attrs = attributes_.data();
    made.numAttrs = 0;
    if (way.clusters) {
      auto& cluster = attributes_[made.numAttrs++];
      cluster.id = cudaLaunchAttributeClusterDimension;
      cluster.val.clusterDim.x = static_cast<unsigned>(way.cluster_size ? way.cluster_size : units);
      cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
    }
    if (way.grid) {  // blocks wait for others that are not of their cluster
      auto& cooperative = attributes_[made.numAttrs++];
      cooperative.id = cudaLaunchAttributeCooperative;
      cooperative.val.cooperative = 1;
    }
    return made;
  }

  /// Why a line cannot be run here; empty where it can.
  std::string refusal(const Way& way, int units, int kib) {
    if (64 * kib < units) return "a part is less than 16 bytes";
    const int shared = shared_bytes(way, kib);
    if (shared > shared_of_block_ - 1024)  // barriers are in it too
      return std::to_string(way.buffers * kib) + " KiB of shared memory needed, a block has " +
             std::to_string(shared_of_block_ / 1024);
    RNNBENCH_CUDA(
        cudaFuncSetAttribute(way.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared));
    if (!way.clusters) return "";
    RNNBENCH_CUDA(
        cudaFuncSetAttribute(way.kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
    const auto wanted = config(way, units, kib);
    const int size = way.cluster_size ? way.cluster_size : units;
    int resident = 0;
    if (cudaOccupancyMaxActiveClusters(&resident, way.kernel, &wanted) != cudaSuccess) {
      (void)cudaGetLastError();
      resident = 0;  // larger than any cluster here
    }
    if (resident * size >= units) return "";
    return "clusters of " + std::to_string(size) + ": " + std::to_string(units / size) +
           " needed at once, " + std::to_string(resident) + " fit";
  }

  /// Seconds a round; `why` says what was wrong instead.
  double median_seconds(const Way& way, int units, int kib, std::string& why, bool& hung) {
    const auto made = config(way, units, kib);
    Task task{kib * 1024, 200, true, words_.get(), flags_.get(), report_.get()};
    launch(way, made, task, why, hung);
    task.rounds = rounds_, task.all = false;
    std::vector<double> seconds;
    for (int k = 0; k < launches_ && why.empty(); ++k)
      seconds.push_back(launch(way, made, task, why, hung) / rounds_);
    if (!why.empty()) return 0;
    std::sort(seconds.begin(), seconds.end());
    return seconds[seconds.size() / 2];
  }

  double launch(const Way& way, const cudaLaunchConfig_t& made, const Task& task, std::string& why,
                bool& hung) {
    RNNBENCH_CUDA(cudaMemsetAsync(words_.get(), 0, words_.bytes(), stream_));
    RNNBENCH_CUDA(cudaMemsetAsync(flags_.get(), 0, flags_.bytes(), stream_));
    RNNBENCH_CUDA(cudaMemsetAsync(report_.get(), 0, report_.bytes(), stream_));
    RNNBENCH_CUDA(cudaEventRecord(start_, stream_));
    RNNBENCH_CUDA(cudaLaunchKernelEx(&made, way.kernel, task));
    RNNBENCH_CUDA(cudaEventRecord(stop_, stream_));
    Report report;
    RNNBENCH_CUDA(
        cudaMemcpyAsync(&report, report_.get(), sizeof report, cudaMemcpyDeviceToHost, stream_));
    RNNBENCH_CUDA(cudaStreamSynchronize(stream_));
    const unsigned rounds = static_cast<unsigned>(task.rounds) * made.gridDim.x;
    hung = report.gave_up != 0;
    if (hung)
      why = "hung: given up after " + std::to_string(exchange::patience_ns / 1'000'000'000) + " s";
    else if (report.wrong > 0)
      why = "wrong: " + std::to_string(report.wrong) + " threads saw values of another round";
    else if (report.rounds_run != rounds)
      why = "wrong: " + std::to_string(report.rounds_run) + " rounds were run instead of " +
            std::to_string(rounds);
    return seconds_between(start_, stop_);
  }

  int rounds_, launches_;
  cudaStream_t stream_;
  int shared_of_sm_ = attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
  int shared_of_block_ = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  // Two buffers, and 8-byte words are twice their payload.
  DeviceArray<uint4> words_{std::size_t{2} * 2 * largest_kib * 1024 / sizeof(uint4)};
  DeviceArray<unsigned> flags_{1024};
  DeviceArray<Report> report_{1};
  CudaEvent start_, stop_;
  std::array<cudaLaunchAttribute, 2> attributes_{};
};

/// Why a way cannot be run on this device at all.
std::string refusal(const Way& way, const DeviceInfo& device) {
  if (way.clusters && device.cc < 90) return "no clusters before CC 9.0";
  if (way.grid && !attribute(cudaDevAttrCooperativeLaunch)) return "no cooperative launches here";
  return "";
}

}  // namespace

ExchangeCosts cuda_exchange(const DeviceInfo& device, bool quick, cudaStream_t stream) {
  ExchangeCosts costs;
  Bench bench(quick, stream);
  costs.how = bench.how();
  const auto sizes = quick ? std::vector{4, 32} : std::vector{1, 2, 4, 8, 16, 32, 64, largest_kib};
  for (const Way& way : all_ways(quick)) {
    const auto why = refusal(way, device);
    if (!why.empty()) {
      costs.missing.push_back({way.name, 0, 0, why, false});
      continue;
    }
    bool alive = true;
    for (const int units : counts_of(way, quick, device))
      for (const int kib : sizes)
        if (alive)  // each line that hangs takes seconds
          alive = bench.measure(way, units, kib, costs);
        else
          costs.missing.push_back({way.name, units, kib, "not run after one that hung", false});
  }
  return costs;
}

}  // namespace rnnbench
