// One small function a rule, and the table of them at the end. A threshold stands in the rule that
// uses it; docs/findings.md says the same in words.
#include "harness/finding_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "harness/finding_text.hpp"
#include "harness/floor.hpp"

namespace rnnbench {
namespace {

using Value = std::optional<double>;
using Found = std::vector<Finding>;

constexpr double megabyte = 1e6;
constexpr const char* dram_busy = "dram__throughput.avg.pct_of_peak_sustained_elapsed";
constexpr const char* sm_busy = "sm__throughput.avg.pct_of_peak_sustained_elapsed";

Finding says(std::string sentence, Value explains_s) {
  Finding finding;
  finding.sentence = std::move(sentence);
  finding.explains_s = explains_s;
  return finding;
}

/// A kernel, or the call as a whole where kernels have no counters of their own.
struct Subject {
  const Metrics& metrics;
  std::string id;    // Finding::kernel
  std::string name;  // in a sentence
  int launches;
  Value seconds;  // of the median, at most: its own duration in the pass, times launches

  Value operator[](const char* metric) const { return value_of(metrics, metric); }
  Value part(double share) const {
    return seconds ? Value(*seconds * std::max(0.0, share)) : std::nullopt;
  }
};

std::vector<Subject> kernels_of(const Evidence& e) {
  std::vector<Subject> subjects;
  for (std::size_t k = 0; k < e.profile.kernels.size(); ++k) {
    const KernelMetrics& kernel = e.profile.kernels[k];
    Value seconds = e.meaning.kernels[k].point.seconds;
    if (seconds) seconds = std::min(*seconds, e.median);
    subjects.push_back(
        {kernel.metrics, kernel.name, short_kernel_name(kernel.name), kernel.launches, seconds});
  }
  return subjects;
}

/// `find` on every kernel of a GPU: Finding or nothing.
template <class F>
Found each_kernel(const Evidence& e, F find) {
  Found found;
  if (e.device.kind != Device::cuda) return found;
  for (const Subject& kernel : kernels_of(e))
    if (std::optional<Finding> finding = find(kernel)) {
      finding->kernel = kernel.id;
      found.push_back(std::move(*finding));
    }
  return found;
}

/// Like each_kernel; on the call as a whole where no kernel has the metric.
template <class F>
Found each_kernel_or_call(const Evidence& e, const char* metric, F find) {
  const auto has = [&](const KernelMetrics& k) { return value_of(k.metrics, metric).has_value(); };
  if (std::any_of(e.profile.kernels.begin(), e.profile.kernels.end(), has))
    return each_kernel(e, find);
  if (e.device.kind != Device::cuda) return {};
  const auto finding = find(Subject{e.profile.region, "", "The call", 1, e.median});
  return finding ? Found{*finding} : Found{};
}

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

/// How long no kernel runs in an eager call, where that is over a third of it.
Value host_wait(const Evidence& e) {
  if (e.device.kind != Device::cuda || e.result.mode != "eager" || !e.meaning.busy_s)
    return std::nullopt;
  if (e.median <= 1.5 * *e.meaning.busy_s) return std::nullopt;
  return e.median - *e.meaning.busy_s;
}

Found host_bound(const Evidence& e) {
  const Value wait = host_wait(e);
  if (!wait) return {};
  const auto launches =
      e.meaning.launches ? fmt::format(" (there are {:.6g})", *e.meaning.launches) : "";
  return {says(fmt::format("Kernels run for {} of a call of {}; for the rest none does, and the "
                           "GPU waits for the host's launches, for copies or between kernels. Try "
                           "a graph (--graph), or fewer launches{}.",
                           seconds_text(*e.meaning.busy_s), seconds_text(e.median), launches),
               wait)};
}

Found launch_gaps(const Evidence& e) {
  const Meaning& m = e.meaning;
  const double steps = depth(e.result.problem);
  if (e.device.kind != Device::cuda || !m.launches || !m.gap_s || !m.span_s || *m.span_s <= 0)
    return {};
  // Profiling widens gaps: a timed call has none beyond what its kernels leave of the median.
  double gaps = *m.gap_s / *m.span_s;
  if (m.busy_s) gaps = std::min(gaps, std::max(0.0, 1 - *m.busy_s / e.median));
  if (*m.launches < steps || *m.launches < 2 || gaps < 0.1 || host_wait(e)) return {};
  const double explains = e.median * gaps;
  const bool eager = e.result.mode == "eager";
  return {says(fmt::format("The call makes {} for {} that must follow one another, and in {} of it "
                           "no kernel runs. {}ne persistent kernel for all steps, or launches that "
                           "overlap, would close the gaps.",
                           count_text(*m.launches, "launch"), count_text(steps, "step"),
                           share_text(gaps), eager ? "A graph (--graph), o" : "O"),
               explains)};
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

Found extra_stores(const Evidence& e) {
  const Value written = value_of(e.profile.region, "dram__bytes_write.sum");
  const double wanted = output_bytes(e.result.problem);
  if (e.device.kind != Device::cuda || !written || *written <= 2 * wanted ||
      *written - wanted <= megabyte)
    return {};
  Value explains;
  if (const Value rate = e.meaning.peak_bytes_per_s) explains = 2 * (*written - wanted) / *rate;
  return {says(fmt::format("{} are written to DRAM where the wanted outputs are {}: the rest is "
                           "intermediates (gates, input products, layers in between), or lines "
                           "evicted more than once. Fuse what makes an intermediate with what "
                           "reads it, or keep it on chip.",
                           bytes_text(*written), bytes_text(wanted)),
               explains)};
}

/// Whether tensor cores did nothing; unknown where no counter says.
std::optional<bool> tensor_cores_idle(const Metrics& metrics) {
  if (const Value count = value_of(metrics, "sm__inst_executed_pipe_tensor.sum"))
    return *count <= 0;
  if (const Value busy =
          value_of(metrics, "sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_active"))
    return *busy < 0.1;
  return std::nullopt;
}

Found tensor_idle(const Evidence& e) {
  const Problem& p = e.result.problem;
  if (p.dtype == Dtype::f32) return {};
  const auto nowhere = tensor_cores_idle(e.profile.region);
  const Subject* longest = nullptr;
  const auto kernels = kernels_of(e);
  for (const Subject& kernel : kernels)
    if (kernel.seconds && (!longest || *kernel.seconds > *longest->seconds)) longest = &kernel;
  // The longest kernel may be one without products: then another one has tensor cores at work.
  if (e.device.kind != Device::cuda || !longest || !nowhere || !*nowhere ||
      tensor_cores_idle(longest->metrics) == false)
    return {};
  Value explains;
  if (e.peaks && e.meaning.peak_flops_per_s) {
    const auto f32 = e.peaks->gemm_flops_per_s.find("f32");
    if (f32 != e.peaks->gemm_flops_per_s.end())
      explains = longest->part(1 - f32->second / *e.meaning.peak_flops_per_s);
  }
  Finding finding =
      says(fmt::format(
               "The problem is in {}, and no tensor core did anything while {} and the other "
               "kernels ran. mma instructions (for few batch rows mma.sync with 8 columns), or a "
               "library call in {} math, would make the products there.",
               name(p.dtype), longest->name, name(p.dtype)),
           explains);
  finding.kernel = longest->id;
  return {finding};
}

Found weights_miss_l2(const Evidence& e) {
  const Problem& p = e.result.problem;
  const double weights = weight_bytes(p);
  if (e.device.llc_bytes <= 0 || weights >= e.device.llc_bytes) return {};
  return each_kernel(e, [&](const Subject& kernel) -> std::optional<Finding> {
    const Value hits = kernel["lts__t_sector_hit_rate.pct"];
    const Value read = kernel["dram__bytes_read.sum"];
    if (!hits || !read || *hits >= 50) return std::nullopt;
    // Reading everything once a call is no fault, wherever it comes from.
    // Kernels are replayed one by one, where L2 may be colder than in a call: it read no more than
    // the call as a whole.
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

/// How much of the SMs' peak a kernel reaches on those SMs that run it: the counter's mean is over
/// the whole chip.
Value busy_where_active(const Subject& kernel, double units) {
  const Value busy = kernel[sm_busy], grid = kernel["launch__grid_size"];
  Value active = kernel["sm__cycles_active.avg.pct_of_peak_sustained_elapsed"];
  if (!active && grid) active = 100 * std::min(1.0, *grid / units);
  if (!busy || !active || *active <= 0) return std::nullopt;
  return std::min(100.0, *busy / *active * 100);
}

Found low_occupancy(const Evidence& e) {
  constexpr double enough = 25;  // % of an SM's warps
  return each_kernel(e, [&](const Subject& kernel) -> std::optional<Finding> {
    const Value warps = kernel["sm__warps_active.avg.pct_of_peak_sustained_active"];
    const Value dram = kernel[dram_busy], sm = busy_where_active(kernel, e.device.units);
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
    const Value busy = subject[dram_busy];
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
    const Value busy = subject[sm_busy];
    if (!busy || *busy <= 80) return std::nullopt;
    return says(fmt::format("{} has the SMs' busiest unit at {} of its peak: near the ceiling of "
                            "this code, so stop tuning it. Only fewer or cheaper instructions "
                            "(another dtype, tensor cores, wider loads) would help.",
                            subject.name, share_text(*busy / 100)),
                subject.part(*busy / 100));
  });
}

Found throttled(const Evidence& e) {
  const auto state = [&](std::string_view label) -> std::string {
    for (const auto& [key, value] : e.result.device_state)
      if (key == label) return value;
    return {};
  };
  const std::string reasons = state("throttled by"), clock = state("SM clock");
  if (reasons.empty() || reasons == "none") return {};
  double now = 0, most = 0;
  Value explains;
  if (std::sscanf(clock.c_str(), "%lf of %lf", &now, &most) == 2 && now > 0 && now < most)
    explains = e.median * (1 - now / most);
  return {says(fmt::format("The clock was held down by {}{}: these times are long for this device. "
                           "Measure again when it is idle and cool, or with its limits raised.",
                           reasons, clock.empty() ? "" : fmt::format(" (SM clock {})", clock)),
               explains)};
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

Value on_cpu(const Evidence& e, const char* metric) {
  return e.device.kind == Device::cpu ? value_of(e.profile.region, metric) : std::nullopt;
}

Found low_ipc(const Evidence& e) {
  const Value cycles = on_cpu(e, "cycles"), instructions = on_cpu(e, "instructions");
  if (!cycles || !instructions || *cycles <= 0) return {};
  const double ipc = *instructions / *cycles;
  if (ipc >= 1) return {};
  return {says(fmt::format("{:.2f} instructions a cycle, where cores can do several: most often "
                           "they wait for memory. Keep weights in cache between steps (smaller "
                           "dtype, rows blocked for the cache), or use fewer threads.",
                           ipc),
               e.median * (1 - ipc))};
}

Found cache_misses(const Evidence& e) {
  constexpr double line = 64;  // bytes, on every CPU that this builds for
  const Value misses = on_cpu(e, "cache-misses"), references = on_cpu(e, "cache-references");
  if (!misses || !references || *references <= 0) return {};
  const double share = *misses / *references, bytes = *misses * line;
  if (share <= 0.2 || bytes <= megabyte) return {};
  std::string at_least;
  if (e.meaning.peak_bytes_per_s)
    at_least = fmt::format(", {} at the measured copy bandwidth",
                           seconds_text(bytes / *e.meaning.peak_bytes_per_s));
  return {says(fmt::format("{} of the last-level cache's accesses miss: {} in lines of 64 bytes{}. "
                           "Block the products so that weights are used for several rows or steps "
                           "while they are in cache.",
                           share_text(share), bytes_text(bytes), at_least),
               std::nullopt)};
}

Found context_switches(const Evidence& e) {
  const Value switches = on_cpu(e, "context-switches");
  if (!switches || *switches < 1) return {};
  return {says(fmt::format("{} during one call: other work took the cores, or threads slept while "
                           "they waited for one another. Measure on an idle machine, or with no "
                           "more threads than cores.",
                           count_text(std::round(*switches), "context switch")),
               std::nullopt)};
}

Found page_faults(const Evidence& e) {
  const Value faults = on_cpu(e, "page-faults");
  if (!faults || *faults < 16) return {};  // fewer are stacks and libraries
  return {says(fmt::format("{} during one call: it touches memory that it did not have in the call "
                           "before. Allocate work space once, when the kernel is made.",
                           count_text(std::round(*faults), "page fault")),
               std::nullopt)};
}

constexpr const char* occupancy_guide =
    "CUDA C++ Best Practices Guide, Execution Configuration Optimizations: "
    "https://docs.nvidia.com/cuda/cuda-c-best-practices-guide/";
constexpr const char* speed_of_light =
    "Nsight Compute, GPU Speed Of Light: under 60 % latency, over 80 % near the limit: "
    "https://docs.nvidia.com/nsight-compute/ProfilingGuide/";
constexpr const char* perf_events =
    "perf_event_open(2): https://man7.org/linux/man-pages/man2/perf_event_open.2.html";

constexpr Rule rules[] = {
    {"idle-chip",
     "measured: 256 steps of two launches, of 4 and 2 blocks, took 4.60 ms on an H200; of one "
     "launch, of 64 blocks, 0.53 ms (docs/kernels.md)",
     idle_chip},
    {"host-bound",
     "measured: the same kernels eager and as a graph, 2.61 and 1.08 ms (reports/results/h200/"
     "rnn_seq)",
     host_bound},
    {"launch-gaps", "Diamos et al. 2016, Persistent RNNs, ICML", launch_gaps},
    {"register-bound", occupancy_guide, register_bound},
    {"spilling",
     "CUDA C++ Best Practices Guide, Local Memory: "
     "https://docs.nvidia.com/cuda/cuda-c-best-practices-guide/",
     spilling},
    {"extra-stores",
     "Appleyard et al. 2016, Optimizing Performance of Recurrent Neural Networks on GPUs: "
     "https://arxiv.org/abs/1604.01946",
     extra_stores},
    {"tensor-idle",
     "measured: GEMM rates by dtype (rnnbench doctor --calibrate), 8 to 15 times f32's on an H200",
     tensor_idle},
    {"weights-miss-l2", "measured: at H 1024 a step is bytes out of L2 (docs/kernels.md)",
     weights_miss_l2},
    {"low-occupancy", speed_of_light, low_occupancy},
    {"dram-bound",
     "Williams et al. 2009, Roofline, CACM 52(4): https://doi.org/10.1145/1498765.1498785",
     dram_bound},
    {"compute-bound", speed_of_light, compute_bound},
    {"throttled", "NVML, clocks throttle reasons: https://docs.nvidia.com/deploy/nvml-api/",
     throttled},
    {"exchange-bound", "measured: barrier latency by SMs (rnnbench doctor --calibrate)",
     exchange_bound},
    {"tail-effect",
     "NVIDIA, Matrix Multiplication Background, Wave Quantization: "
     "https://docs.nvidia.com/deeplearning/performance/dl-performance-matrix-multiplication/",
     tail_effect},
    {"partial-warps", occupancy_guide, partial_warps},
    {"low-ipc",
     "Gregg 2017, CPU Utilization is Wrong: "
     "https://www.brendangregg.com/blog/2017-05-09/cpu-utilization-is-wrong.html",
     low_ipc},
    {"cache-misses", perf_events, cache_misses},
    {"context-switches", perf_events, context_switches},
    {"page-faults", perf_events, page_faults},
};

}  // namespace

std::span<const Rule> finding_rules() { return rules; }

}  // namespace rnnbench
