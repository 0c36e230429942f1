// One function a rule about a kernel of a call on a GPU. A threshold stands in the rule that uses
// it; docs/findings.md says the same in words.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "harness/finding_functions.hpp"
#include "harness/finding_subject.hpp"
#include "harness/finding_text.hpp"
#include "harness/floor.hpp"

namespace rnnbench {
namespace {

/// How many SMs the kernel's problem has use for. Where the floor is latency, more than its
/// cheapest step takes (for each chain of steps) only make the exchange dearer.
double useful_units(const Evidence& e) {
  const Problem& p = e.result.problem;
  const double all = e.device.units;
  if (e.result.floor.bound != "latency" || e.result.floor.units < 1) return all;
  const double chains = static_cast<double>(p.batch) * p.directions * p.layers;
  return std::min(all, e.result.floor.units * chains);
}

bool launches_overlap(const Evidence& e) {
  return e.meaning.kernel_s && e.meaning.busy_s && *e.meaning.kernel_s > 1.05 * *e.meaning.busy_s;
}

/// "Smaller tiles, or batch rows and directions side by side": of what this problem has.
std::string ways_to_fill(const Problem& p) {
  std::vector<std::string> beside;
  if (p.batch > 1) beside.emplace_back("batch rows");
  if (p.directions > 1) beside.emplace_back("directions");
  if (p.layers > 1) beside.emplace_back("layers");
  if (beside.empty()) return "Smaller tiles";
  const std::string last = beside.back();
  beside.pop_back();
  return fmt::format("Smaller tiles, or {}{}{} side by side,", fmt::join(beside, ", "),
                     beside.empty() ? "" : " and ", last);
}

/// How much of the SMs' peak a kernel reaches on those SMs that run it: the counter's mean is over
/// the whole chip.
Value busy_where_active(const Subject& kernel, double units) {
  const Value busy = kernel.rate(sm_busy), grid = kernel["launch__grid_size"];
  Value active = kernel.rate("sm__cycles_active.avg.pct_of_peak_sustained_elapsed");
  if (!active && grid) active = 100 * std::min(1.0, *grid / units);
  if (!busy || !active || *active <= 0) return std::nullopt;
  return std::min(100.0, *busy / *active * 100);
}

}  // namespace

Found idle_chip(const Evidence& e) {
  const double units = e.device.units, useful = useful_units(e);
  return each_kernel(e, [&](const Subject& kernel) -> std::optional<Finding> {
    const Value grid = kernel["launch__grid_size"];
    if (!grid || *grid >= useful) return std::nullopt;
    std::string text =
        fmt::format("{} runs {} on {:.0f} SMs: {} of the chip has nothing to do in {}.",
                    kernel.name, count_text(*grid, "block"), units, share_text(1 - *grid / units),
                    kernel.launches == 1 ? "its one launch"
                                         : fmt::format("each of its {} launches", kernel.launches));
    if (launches_overlap(e)) text += " Launches overlap here, so another may use a part of it.";
    text += fmt::format(" {} would fill {}.", ways_to_fill(e.result.problem),
                        useful < 0.9 * units
                            ? fmt::format("the {:.0f} SMs that the floor has a use for", useful)
                            : "it");
    return says(text, kernel.part(1 - *grid / useful));
  });
}

Found register_bound(const Evidence& e) {
  return each_kernel(e, [](const Subject& kernel) -> std::optional<Finding> {
    const Value registers = kernel["launch__registers_per_thread"];
    const Value waves = kernel["launch__waves_per_multiprocessor"];
    if (!registers || (waves && *waves <= 1)) return std::nullopt;  // nobody waits for registers
    const Value limit = kernel["launch__occupancy_limit_registers"];
    const Value shared = kernel["launch__occupancy_limit_shared_mem"];
    const Value warps = kernel["launch__occupancy_limit_warps"];
    const Value blocks = kernel["launch__occupancy_limit_blocks"];
    const Value resident = kernel["sm__maximum_warps_per_active_cycle_pct"];
    if (limit && shared && warps && blocks && resident && *resident < 50) {
      const double next = std::min({*shared, *warps, *blocks});
      if (*limit < next)
        return says(fmt::format("{} takes {:.0f} registers a thread: they let {} onto an SM where "
                                "everything else would let {:.0f}, so {} of an SM's warps are "
                                "resident at most. Halve the tile or use 4 warps.",
                                kernel.name, *registers, count_text(*limit, "block"), next,
                                share_text(*resident / 100)),
                    kernel.part(1 - *limit / next));
    }
    if (*registers <= 128) return std::nullopt;
    return says(
        fmt::format("{} takes {:.0f} registers a thread; over 128, fewer than 512 threads fit "
                    "the 65536 registers of an SM. Halve the tile or use 4 warps.",
                    kernel.name, *registers),
        resident ? kernel.part(1 - *resident / 100) : std::nullopt);
  });
}

Found spilling(const Evidence& e) {
  return each_kernel(e, [](const Subject& kernel) -> std::optional<Finding> {
    const Value local = kernel["launch__local_mem_per_thread"];
    if (!local || *local <= 0) return std::nullopt;
    return says(
        fmt::format("{} has {:.0f} bytes a thread in local memory: spilled registers, or an "
                    "array indexed at run time. A spill cancels what fusion gained: halve "
                    "the tile, use fewer stages, or recompute what is cheap.",
                    kernel.name, *local),
        std::nullopt);
  });
}

Found weights_miss_l2(const Evidence& e) {
  const Problem& p = e.result.problem;
  const double weights = weight_bytes(p);
  if (e.device.llc_bytes <= 0 || weights >= e.device.llc_bytes) return {};
  return each_kernel(e, [&](const Subject& kernel) -> std::optional<Finding> {
    const Value hits = kernel["lts__t_sector_hit_rate.pct"];
    const Value read = kernel["dram__bytes_read.sum"];
    if (!hits || !read || *hits >= 50) return std::nullopt;
    // Reading everything once a call is no fault, wherever it comes from. Samples stand for many
    // launches: together these read no more than the call as a whole.
    double all = *read * kernel.launches;
    if (const Value whole = value_of(e.profile.region, "dram__bytes_read.sum"))
      all = std::min(all, *whole);
    if (all <= std::max(megabyte, compulsory_bytes(p))) return std::nullopt;
    return says(fmt::format("{} reads {} from DRAM in a call whose tensors are {}, with {} of its "
                            "L2 accesses hitting, although the weights ({}) fit the L2. Let blocks "
                            "that share weights run together, and keep streams (x, outputs) from "
                            "evicting them.",
                            kernel.name, bytes_text(all), bytes_text(compulsory_bytes(p)),
                            share_text(*hits / 100), bytes_text(weights)),
                kernel.part(1 - *hits / 100));
  });
}

Found low_occupancy(const Evidence& e) {
  constexpr double enough = 25;  // % of an SM's warps
  return each_kernel(e, [&](const Subject& kernel) -> std::optional<Finding> {
    const Value warps = kernel["sm__warps_active.avg.pct_of_peak_sustained_active"];
    const Value dram = kernel.rate(dram_busy), sm = busy_where_active(kernel, e.device.units);
    if (!warps || !dram || !sm || *warps >= enough || *dram >= 60 || *sm >= 60) return std::nullopt;
    return says(
        fmt::format(
            "{} has {} of an SM's warps active, and neither DRAM ({} of its peak) nor the "
            "SMs that run it ({}) are busy: it waits for latencies. More warps an SM, or "
            "copies further ahead (stages), hide those of memory; a wait for other SMs they "
            "do not shorten.",
            kernel.name, share_text(*warps / 100), share_text(*dram / 100), share_text(*sm / 100)),
        kernel.part(1 - *warps / enough));
  });
}

Found dram_bound(const Evidence& e) {
  return each_kernel_or_call(e, dram_busy, [](const Subject& subject) -> std::optional<Finding> {
    const Value busy = subject.rate(dram_busy);
    if (!busy || *busy <= 70) return std::nullopt;
    return says(fmt::format("{} keeps DRAM at {} of its peak: it is bound by memory. Only fewer "
                            "bytes make it faster: a smaller dtype, fused intermediates, weights "
                            "read once for more batch rows or steps.",
                            subject.name, share_text(*busy / 100)),
                subject.part(*busy / 100));
  });
}

Found compute_bound(const Evidence& e) {
  return each_kernel_or_call(e, sm_busy, [](const Subject& subject) -> std::optional<Finding> {
    const Value busy = subject.rate(sm_busy);
    if (!busy || *busy <= 80) return std::nullopt;
    return says(fmt::format("{} has the SMs' busiest unit at {} of its peak: near the ceiling of "
                            "this code, so stop tuning it. Only fewer or cheaper instructions "
                            "(another dtype, tensor cores, wider loads) would help.",
                            subject.name, share_text(*busy / 100)),
                subject.part(*busy / 100));
  });
}

/// Of kernels that run through steps by themselves; between launches nothing exchanges.
Found exchange_bound(const Evidence& e) {
  const double steps = depth(e.result.problem);
  const Value compute = e.meaning.whole.compute_share;
  if (!e.peaks || !compute || *compute >= 0.3 || steps < 8) return {};
  Found found = each_kernel(e, [&](const Subject& kernel) -> std::optional<Finding> {
    const Value grid = kernel["launch__grid_size"], cluster = kernel["launch__cluster_size"];
    if (!grid || !kernel.seconds || kernel.launches >= steps) return std::nullopt;
    if (*kernel.seconds < 0.5 * e.median) return std::nullopt;
    const bool clustered = cluster && *cluster > 1;
    const double units = clustered ? *cluster : std::min<double>(*grid, e.device.units);
    const double exchange = exchange_seconds(*e.peaks, static_cast<int>(units));
    const double step = e.median / steps;
    if (exchange <= 0 || step > 2 * exchange) return std::nullopt;
    const bool wavefront = e.result.problem.layers > 1 && e.result.problem.directions == 1;
    return says(
        fmt::format("A step takes {}; a barrier of {:.0f} {} alone takes {} as measured here, and "
                    "the products are at {} of the GEMM rate. If all of them wait for one "
                    "another in each step, that is what a step costs: {}{} would shorten it.",
                    seconds_text(step), units, clustered ? "blocks of a cluster" : "SMs",
                    seconds_text(exchange), share_text(*compute),
                    clustered ? "data that says itself that it is there, instead of a barrier,"
                              : "fewer SMs for each chain of steps, in a cluster,",
                    wavefront ? " or steps of several layers at once" : ""),
        (steps - 1) * exchange);
  });
  return found;
}

Found tail_effect(const Evidence& e) {
  return each_kernel(e, [](const Subject& kernel) -> std::optional<Finding> {
    const Value waves = kernel["launch__waves_per_multiprocessor"];
    if (!waves || *waves <= 1) return std::nullopt;
    const double full = std::floor(*waves), last = *waves - full;
    if (last <= 0 || last > 0.25) return std::nullopt;
    return says(fmt::format("{} fills the chip {:.2f} times: the last {} of a wave takes about as "
                            "long as a whole one. Tiles that give at most {}, or blocks that each "
                            "take several tiles, would save it.",
                            kernel.name, *waves, share_text(last), count_text(full, "full wave")),
                kernel.part(1 - *waves / (full + 1)));
  });
}

Found partial_warps(const Evidence& e) {
  return each_kernel(e, [](const Subject& kernel) -> std::optional<Finding> {
    const Value block = kernel["launch__block_size"];
    if (!block || *block < 1) return std::nullopt;
    const double threads = 32 * std::ceil(*block / 32);
    if (threads == *block) return std::nullopt;
    return says(fmt::format("{} has blocks of {:.0f} threads, which take {:.0f} warps: {} of their "
                            "lanes do nothing. Make the block a multiple of 32.",
                            kernel.name, *block, threads / 32, share_text(1 - *block / threads)),
                kernel.part(1 - *block / threads));
  });
}

}  // namespace rnnbench
