// A case with a profile in which there is nothing to find, for tests that change one thing of it.
#pragma once

#include <algorithm>
#include <string>

#include "harness/findings.hpp"
#include "harness/roofline.hpp"

namespace rnnbench {

constexpr const char* dram_pct = "dram__throughput.avg.pct_of_peak_sustained_elapsed";
constexpr const char* sm_pct = "sm__throughput.avg.pct_of_peak_sustained_elapsed";
constexpr const char* warps_pct = "sm__warps_active.avg.pct_of_peak_sustained_active";
constexpr const char* tensor_pct = "sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_active";
constexpr const char* tensor_pipe = "sm__inst_executed_pipe_tensor.sum";
constexpr const char* matrix_all = "sm__inst_executed_pipe_tensor_op_hmma.sum";
constexpr const char* matrix_hfma2 = "sm__inst_executed_pipe_tensor_op_hmma_type_hfma2.sum";
constexpr const char* f16_flops = "sm__ops_path_tensor_src_fp16.sum";
constexpr const char* bf16_flops = "sm__ops_path_tensor_src_bf16_dst_fp32.sum";
constexpr const char* tf32_flops = "sm__ops_path_tensor_src_tf32_dst_fp32.sum";
constexpr const char* duration = "gpu__time_duration.sum";

struct ProfiledCase {
  CaseResult result;
  Profile profile;
  DeviceInfo device;
  Peaks peaks;

  Metrics& region() { return profile.region; }
  Metrics& kernel() { return profile.kernels.front().metrics; }
  void set(const char* metric, double value) { kernel()[metric] = read_as(value); }
  void set_region(const char* metric, double value) { region()[metric] = read_as(value); }
  void take(double median_s) {
    result.time = Summary{};
    result.time->median = median_s;
  }
  /// `metric` without a value, wherever it is.
  void blank(const std::string& metric) {
    const auto mute = [&](Metrics& metrics) {
      if (metrics.contains(metric)) metrics[metric] = not_read("no permission");
    };
    mute(region());
    for (KernelMetrics& one : profile.kernels) mute(one.metrics);
  }
  std::vector<Finding> findings() const { return findings_of(result, profile, device, &peaks); }
  Meaning meaning() const { return meaning_of(result, profile, device, &peaks); }
};

/// An H200, as it was measured.
inline ProfiledCase on_gpu(const char* problem) {
  ProfiledCase c;
  c.result.problem = parse_id(problem);
  c.result.device = "cuda:0";
  c.result.mode = "graph";
  c.result.outcome = Outcome::passed;
  c.result.device_state = {{"SM clock", "1980 of 1980 MHz"}, {"throttled by", "none"}};
  c.device.kind = Device::cuda;
  c.device.units = 132;
  c.device.llc_bytes = 60 * 1024 * 1024;
  c.peaks.copy_bytes_per_s = 4.2e12;
  c.peaks.gemm_flops_per_s = {{"f32", 50e12}, {"tf32", 400e12}, {"f16", 750e12}};
  c.peaks.exchange_s = {{1, 0}, {2, 0.18e-6}, {16, 0.18e-6}, {32, 1e-6}, {132, 1e-6}};
  return c;
}

/// A kernel of 264 blocks that does all of a call of 1 ms.
inline ProfiledCase quiet_gpu(const char* problem = "gru-bi_b64_t256_i512_h512_l2_f32") {
  ProfiledCase c = on_gpu(problem);
  c.take(1e-3);
  KernelMetrics kernel;
  kernel.name = "void (anonymous namespace)::fused_step<float, 8>(Arguments)";
  kernel.shape = "264x1x1 blocks of 256x1x1";
  kernel.launches = kernel.sampled = 2;
  c.profile.kernels = {kernel};
  c.set(duration, 490e3);
  c.set("launch__grid_size", 264);
  c.set("launch__block_size", 256);
  c.set("launch__cluster_size", 1);
  c.set("launch__registers_per_thread", 64);
  c.set("launch__local_mem_per_thread", 0);
  c.set("launch__waves_per_multiprocessor", 1.0);
  c.set("launch__occupancy_limit_registers", 4);
  c.set("launch__occupancy_limit_shared_mem", 2);
  c.set("launch__occupancy_limit_warps", 8);
  c.set("launch__occupancy_limit_blocks", 32);
  c.set("sm__maximum_warps_per_active_cycle_pct", 50);
  c.set(warps_pct, 45);
  c.set(dram_pct, 30);
  c.set(sm_pct, 65);
  c.set("sm__cycles_active.avg.pct_of_peak_sustained_elapsed", 95);
  c.set("lts__t_sector_hit_rate.pct", 90);
  c.set("dram__bytes_read.sum", 10e6);
  c.set("dram__bytes_write.sum", 1e6);
  for (const char* metric : {tensor_pipe, matrix_all})
    c.set(metric, 1e6), c.set_region(metric, 2e6);
  c.set(matrix_hfma2, 5e3), c.set_region(matrix_hfma2, 1e4);
  if (const auto ops = matrix_flops_metric(c.result.problem.dtype); !ops.empty())
    c.set(ops.c_str(), 1e9), c.set_region(ops.c_str(), 2e9);
  c.set_region("dram__bytes_read.sum", 20e6);
  c.set_region("dram__bytes_write.sum", 2e6);
  c.set_region("rnnbench__kernel_launches", 2);
  c.set_region("rnnbench__kernel_time", 980e3);
  c.set_region("rnnbench__busy_time", 980e3);
  c.set_region("rnnbench__gap_time", 10e3);
  c.set_region("rnnbench__span_time", 990e3);
  return c;
}

inline ProfiledCase quiet_cpu() {
  ProfiledCase c;
  c.result.problem = parse_id("gru_b8_t64_i64_h64_l1_f32");
  c.result.device = "cpu";
  c.result.outcome = Outcome::passed;
  c.take(1e-3);
  c.device.kind = Device::cpu;
  c.device.units = 16;
  c.peaks.copy_bytes_per_s = 2e11;
  c.peaks.gemm_flops_per_s = {{"f32", 1.5e12}};
  c.set_region("cycles", 3e6);
  c.set_region("instructions", 6e6);
  c.set_region("cache-references", 1e5);
  c.set_region("cache-misses", 1e3);
  c.set_region("context-switches", 0);
  c.set_region("page-faults", 0);
  return c;
}

/// KernelBench 34 as its author ran it, as a graph: in each of 256 steps one kernel of 4 blocks and
/// one of 2.
inline ProfiledCase four_blocks_a_step() {
  ProfiledCase c = on_gpu("rnn_tanh_b8_t256_i1024_h256_l1_f32_head128-every");
  c.take(4.6e-3);
  c.result.floor.seconds = c.result.floor.latency_s = 50.8e-6;
  c.result.floor.units = 16;
  c.result.floor.bound = "latency";
  c.profile.kernels.resize(2);
  c.profile.kernels[0].name = "fused_step";
  c.profile.kernels[1].name = "fused_head";
  for (KernelMetrics& kernel : c.profile.kernels) kernel.launches = kernel.sampled = 256;
  c.set(duration, 12e3);
  c.set("launch__grid_size", 4);
  c.set("launch__block_size", 128);
  c.set(sm_pct, 0.76);
  c.set(warps_pct, 8.33);
  c.set(dram_pct, 7.43);
  c.set("lts__t_sector_hit_rate.pct", 21.24);
  Metrics& head = c.profile.kernels[1].metrics;
  head[duration] = read_as(4e3);
  head["launch__grid_size"] = read_as(2);
  c.set_region("rnnbench__kernel_launches", 512);
  c.set_region("rnnbench__kernel_time", 4.1e6);
  c.set_region("rnnbench__busy_time", 4.1e6);
  c.set_region("rnnbench__gap_time", 0.5e6);
  c.set_region("rnnbench__span_time", 4.6e6);
  return c;
}

inline const Finding* find(const std::vector<Finding>& findings, const std::string& id) {
  const auto found =
      std::find_if(findings.begin(), findings.end(), [&](const Finding& f) { return f.id == id; });
  return found == findings.end() ? nullptr : &*found;
}

}  // namespace rnnbench
