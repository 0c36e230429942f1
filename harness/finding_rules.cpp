// The rules as data: a name, what it rests on, and the function that looks for it.
#include "harness/finding_rules.hpp"

#include "harness/finding_functions.hpp"

namespace rnnbench {
namespace {

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
