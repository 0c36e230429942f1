// Occupancy of launches on a card that is not here, through NVIDIA's calculator.
#include <gtest/gtest.h>

#if __has_include(<cuda_occupancy.h>)
#include "impls/cuda/cupti/occupancy.hpp"

namespace rnnbench::cupti {
namespace {

/// An H200: CC 9.0, CUDA C++ Programming Guide, "Compute Capabilities".
cudaOccDeviceProp an_h200() {
  cudaOccDeviceProp card{};
  card.computeMajor = 9, card.computeMinor = 0;
  card.maxThreadsPerBlock = 1024, card.maxThreadsPerMultiprocessor = 2048;
  card.regsPerBlock = 65536, card.regsPerMultiprocessor = 65536;
  card.warpSize = 32, card.numSms = 132;
  card.sharedMemPerBlock = 48 * 1024, card.sharedMemPerMultiprocessor = 228 * 1024;
  card.sharedMemPerBlockOptin = 227 * 1024, card.reservedSharedMemPerBlock = 1024;
  return card;
}

Launch a_launch(std::uint32_t blocks, std::uint32_t threads, int registers, int dynamic_shared) {
  Launch launch;
  launch.grid = {blocks, 1, 1}, launch.block = {threads, 1, 1};
  launch.registers = registers, launch.dynamic_shared = dynamic_shared;
  launch.shared_opted_in = dynamic_shared > 48 * 1024;
  return launch;
}

TEST(CuptiOccupancy, SaysWhatLimitsALaunch) {
  const auto by_registers = occupancy(an_h200(), a_launch(264, 256, 128, 0));
  ASSERT_TRUE(by_registers);
  EXPECT_EQ(by_registers->blocks, 2);
  EXPECT_EQ(by_registers->by_registers, 2);
  EXPECT_EQ(by_registers->by_warps, 8);
  EXPECT_EQ(by_registers->by_blocks, 32);
  EXPECT_DOUBLE_EQ(by_registers->warps_pct, 25);
  EXPECT_DOUBLE_EQ(by_registers->waves, 1);

  const auto by_shared = occupancy(an_h200(), a_launch(66, 128, 32, 200 * 1024));
  ASSERT_TRUE(by_shared);
  EXPECT_EQ(by_shared->by_shared, 1);
  EXPECT_DOUBLE_EQ(by_shared->warps_pct, 100.0 * 4 / 64);
  EXPECT_DOUBLE_EQ(by_shared->waves, 0.5);
}

/// Values that Nsight Compute 2025.3 showed of two cuBLAS and gate kernels on an H200.
TEST(CuptiOccupancy, SharedMemoryLimitsAtTheCarveOutOfTheLaunch) {
  Launch gemm = a_launch(8, 64, 80, 6912);
  gemm.shared_carveout = 132 * 1024;
  EXPECT_EQ(occupancy(an_h200(), gemm)->by_shared, 17);
  EXPECT_EQ(occupancy(an_h200(), gemm)->by_registers, 12);
  EXPECT_EQ(occupancy(an_h200(), gemm)->blocks, 12);
  EXPECT_EQ(launch_metrics(an_h200(), gemm).at("launch__shared_mem_per_block"), read_as(7936));
  Launch gates = a_launch(16, 128, 24, 0);
  gates.shared_carveout = 32 * 1024;
  EXPECT_EQ(occupancy(an_h200(), gates)->by_shared, 32);
  gemm.shared_carveout = 64 * 1024;
  EXPECT_EQ(occupancy(an_h200(), gemm)->blocks, 8);
  for (const int nonsense : {0, 16, 300 * 1024}) {
    gemm.shared_carveout = nonsense;
    EXPECT_EQ(occupancy(an_h200(), gemm)->by_shared, 29) << nonsense;
  }
}

TEST(CuptiOccupancy, KnowsNothingOfALaunchThatDoesNotFit) {
  EXPECT_FALSE(occupancy(an_h200(), a_launch(1, 128, 32, 300 * 1024)));
  EXPECT_FALSE(occupancy(cudaOccDeviceProp{}, a_launch(1, 128, 32, 0)));
}

TEST(CuptiOccupancy, LaunchMetricsHaveAValueOrAReason) {
  Launch launch = a_launch(64, 256, 40, 4096);
  launch.static_shared = 1024, launch.local = 16;
  auto metrics = launch_metrics(an_h200(), launch);
  EXPECT_EQ(metrics.at("launch__grid_size"), read_as(64));
  EXPECT_EQ(metrics.at("launch__block_size"), read_as(256));
  EXPECT_EQ(metrics.at("launch__registers_per_thread"), read_as(40));
  EXPECT_EQ(metrics.at("launch__shared_mem_per_block"), read_as(6144));
  EXPECT_EQ(metrics.at("launch__local_mem_per_thread"), read_as(16));
  EXPECT_FALSE(metrics.contains("launch__cluster_size"));
  EXPECT_TRUE(metrics.at("sm__maximum_warps_per_active_cycle_pct").value);
  launch.cluster = {2, 1, 1};
  EXPECT_EQ(launch_metrics(an_h200(), launch).at("launch__cluster_size"), read_as(2));
  for (const auto& [name, metric] : launch_metrics(cudaOccDeviceProp{}, launch))
    EXPECT_TRUE(metric.value || !metric.why.empty()) << name;
}

}  // namespace
}  // namespace rnnbench::cupti
#endif
