// The fused step kernels on a GPU that is not here: registers from the build's resource report, the
// rest from the tiles, through NVIDIA's occupancy calculator.
#include <gtest/gtest.h>

#include <climits>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "impls/cuda/fused/plan.hpp"

#if __has_include(<cuda_occupancy.h>)
#include <cuda_occupancy.h>

namespace rnnbench {
namespace {

/// An RTX 4090: CC 8.9, CUDA C++ Programming Guide, "Compute Capabilities".
cudaOccDeviceProp an_rtx_4090() {
  cudaOccDeviceProp card{};
  card.computeMajor = 8, card.computeMinor = 9;
  card.maxThreadsPerBlock = 1024, card.maxThreadsPerMultiprocessor = 1536;
  card.regsPerBlock = 65536, card.regsPerMultiprocessor = 65536;
  card.warpSize = 32, card.numSms = 128;
  card.sharedMemPerBlock = 48 * 1024, card.sharedMemPerMultiprocessor = 100 * 1024;
  card.sharedMemPerBlockOptin = 99 * 1024, card.reservedSharedMemPerBlock = 1024;
  return card;
}

int blocks_an_sm(const cudaOccDeviceProp& card, int threads, int registers, int shared_bytes) {
  cudaOccFuncAttributes kernel{};
  kernel.maxThreadsPerBlock = INT_MAX, kernel.numRegs = registers;
  kernel.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
  kernel.maxDynamicSharedSizeBytes = std::size_t(shared_bytes);
  const cudaOccDeviceState state{};
  cudaOccResult result{};
  const auto status = cudaOccMaxActiveBlocksPerMultiprocessor(&result, &card, &kernel, &state,
                                                              threads, std::size_t(shared_bytes));
  return status == CUDA_OCC_SUCCESS ? result.activeBlocksPerMultiprocessor : 0;
}

TEST(FusedOccupancy, EveryTileOfferedOnAnRtx4090Runs) {
  const auto file = std::filesystem::path(RNNBENCH_BUILD_DIR) / "kernel_resources.json";
  if (!std::filesystem::exists(std::filesystem::path(RNNBENCH_BUILD_DIR) / "lib/rnnbench/cuda.so"))
    GTEST_SKIP() << "built without the CUDA side";
  const auto report = nlohmann::json::parse(std::ifstream(file));
  // rnnbench::fused::fused_step<rnnbench::fused::Gru, 290500320122114241ul, ...>
  const std::regex name(R"(fused_step<.*?(OneGate|Gru|Lstm), (\d+)ul)");
  const auto card = an_rtx_4090();
  int seen = 0, run = 0;
  for (const auto& kernel : report.at("kernels")) {
    const auto text = kernel.at("kernel").get<std::string>();
    std::smatch found;
    if (kernel.at("arch") != "sm_89" || !std::regex_search(text, found, name)) continue;
    const auto tile = fused::Tile::from_code(std::stoull(found[2]));
    const int gates = found[1] == "OneGate" ? 1 : found[1] == "Gru" ? 3 : 4;
    const int shared = tile.shared_bytes(gates, fused::slots_of(gates));
    const int blocks =
        blocks_an_sm(card, tile.threads(), kernel.at("registers").get<int>(), shared);
    ++seen;
    if (shared > 99 * 1024) {  // the planner does not offer it there
      EXPECT_EQ(blocks, 0) << text;
      continue;
    }
    ++run;
    // As many as the cost model has overlap: but for shared memory, what the tile says.
    EXPECT_GE(blocks, std::min(tile.blocks, 100 * 1024 / (shared + 1024))) << text;
    EXPECT_GE(blocks, 1) << text;
  }
  if (seen == 0) GTEST_SKIP() << "sm_89 is not among the architectures of this build";
  EXPECT_GE(seen, 100);
  EXPECT_GE(run, 80);
}

TEST(FusedOccupancy, TheCalculatorKnowsTheLimits) {
  const auto card = an_rtx_4090();
  EXPECT_EQ(blocks_an_sm(card, 256, 128, 40 * 1024), 2);
  EXPECT_EQ(blocks_an_sm(card, 256, 255, 1024), 1);
  EXPECT_EQ(blocks_an_sm(card, 256, 64, 100 * 1024), 0);
}

}  // namespace
}  // namespace rnnbench
#endif
