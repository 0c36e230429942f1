#if __has_include(<cuda_occupancy.h>)
#include "impls/cuda/cupti/occupancy.hpp"

#include <algorithm>
#include <climits>
#include <initializer_list>
#include <utility>

namespace rnnbench::cupti {
namespace {

std::optional<int> limit(int blocks) {
  return blocks == INT_MAX ? std::nullopt : std::optional<int>(blocks);
}

}  // namespace

std::optional<Occupancy> occupancy(const cudaOccDeviceProp& card, const Launch& launch) {
  cudaOccFuncAttributes kernel{};
  kernel.maxThreadsPerBlock = INT_MAX;
  kernel.numRegs = launch.registers;
  kernel.sharedSizeBytes = static_cast<std::size_t>(launch.static_shared);
  kernel.shmemLimitConfig =
      launch.shared_opted_in ? FUNC_SHMEM_LIMIT_OPTIN : FUNC_SHMEM_LIMIT_DEFAULT;
  kernel.maxDynamicSharedSizeBytes = static_cast<std::size_t>(launch.dynamic_shared);
  const cudaOccDeviceState state{};
  cudaOccResult result{};
  const auto threads = static_cast<int>(Launch::size(launch.block));
  const auto status = cudaOccMaxActiveBlocksPerMultiprocessor(
      &result, &card, &kernel, &state, threads, static_cast<std::size_t>(launch.dynamic_shared));
  if (status != CUDA_OCC_SUCCESS || result.activeBlocksPerMultiprocessor <= 0 || card.warpSize <= 0)
    return std::nullopt;
  int blocks = result.activeBlocksPerMultiprocessor;
  auto by_shared = limit(result.blockLimitSharedMem);
  // The calculator takes the largest carve-out; the driver may have made a smaller one.
  const auto of_block = result.allocatedSharedMemPerBlock;
  const auto carved = static_cast<std::size_t>(launch.shared_carveout);
  if (of_block > 0 && carved >= of_block && carved <= card.sharedMemPerMultiprocessor) {
    by_shared = static_cast<int>(carved / of_block);
    blocks = std::min(blocks, *by_shared);
  }
  const int warps = (threads + card.warpSize - 1) / card.warpSize;
  const int most_warps = card.maxThreadsPerMultiprocessor / card.warpSize;
  return Occupancy{.blocks = blocks,
                   .by_registers = limit(result.blockLimitRegs),
                   .by_shared = by_shared,
                   .by_warps = limit(result.blockLimitWarps),
                   .by_blocks = limit(result.blockLimitBlocks),
                   .warps_pct = 100.0 * blocks * warps / most_warps,
                   .waves = static_cast<double>(Launch::size(launch.grid)) /
                            (static_cast<double>(blocks) * card.numSms)};
}

Metrics launch_metrics(const cudaOccDeviceProp& card, const Launch& launch) {
  Metrics metrics{{"launch__grid_size", read_as(static_cast<double>(Launch::size(launch.grid)))},
                  {"launch__block_size", read_as(static_cast<double>(Launch::size(launch.block)))},
                  {"launch__registers_per_thread", read_as(launch.registers)},
                  {"launch__shared_mem_per_block",
                   read_as(launch.static_shared + launch.dynamic_shared +
                           static_cast<double>(card.reservedSharedMemPerBlock))},
                  {"launch__local_mem_per_thread", read_as(launch.local)}};
  if (launch.clustered())
    metrics["launch__cluster_size"] = read_as(static_cast<double>(Launch::size(launch.cluster)));
  const auto found = occupancy(card, launch);
  const char* none = "the occupancy calculator of this build knows no such launch on this card";
  const auto set = [&](const char* name, std::optional<double> value, const char* why) {
    metrics[name] = value ? read_as(*value) : not_read(found ? why : none);
  };
  using Limit = std::optional<int> Occupancy::*;
  for (const auto& [name, member] : std::initializer_list<std::pair<const char*, Limit>>{
           {"launch__occupancy_limit_registers", &Occupancy::by_registers},
           {"launch__occupancy_limit_shared_mem", &Occupancy::by_shared},
           {"launch__occupancy_limit_warps", &Occupancy::by_warps},
           {"launch__occupancy_limit_blocks", &Occupancy::by_blocks}}) {
    const auto blocks = found ? (*found).*member : std::nullopt;
    set(name, blocks ? std::optional<double>(*blocks) : std::nullopt, "no limit: it uses none");
  }
  set("sm__maximum_warps_per_active_cycle_pct",
      found ? std::optional(found->warps_pct) : std::nullopt, "");
  set("launch__waves_per_multiprocessor", found ? std::optional(found->waves) : std::nullopt, "");
  return metrics;
}

}  // namespace rnnbench::cupti
#endif
