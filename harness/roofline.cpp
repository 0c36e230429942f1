#include "harness/roofline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rnnbench {
namespace {

using Value = std::optional<double>;

Value sum(const Value& a, const Value& b) { return a && b ? Value(*a + *b) : std::nullopt; }

Value times(const Value& a, double b) { return a ? Value(*a * b) : std::nullopt; }

/// Nothing where the divisor is not a positive number.
Value ratio(const Value& a, const Value& b) {
  return a && b && *b > 0 ? Value(*a / *b) : std::nullopt;
}

Value positive(double value) { return value > 0 ? Value(value) : std::nullopt; }

Value bytes_moved(const Metrics& metrics) {
  return sum(value_of(metrics, "dram__bytes_read.sum"), value_of(metrics, "dram__bytes_write.sum"));
}

/// Of matrix instructions; nothing where some ran, or may have, and none of theirs were counted.
Value matrix_flops(const Metrics& metrics) {
  double counted = 0;
  for (const Dtype dtype : {Dtype::tf32, Dtype::f16, Dtype::bf16})
    counted += value_of(metrics, matrix_flops_metric(dtype)).value_or(0);
  if (counted > 0) return counted;
  return matrix_instructions(metrics) == 0.0 ? Value(0) : std::nullopt;
}

/// Of one launch, by f32 and matrix instructions. Packed f16 ones (HFMA2, 4 flops a thread) are
/// left out: compilers move constants by them, and no counter says which compute. Where they could
/// be a tenth of it, nothing is said.
Value counted_flops(const Metrics& metrics) {
  const auto sass = [&](const char* op) {
    return value_of(metrics, fmt::format("smsp__sass_thread_inst_executed_op_{}_pred_on.sum", op));
  };
  const Value fma = sass("ffma"), add = sass("fadd"), mul = sass("fmul");
  const Value matrix = matrix_flops(metrics);
  if (!fma || !add || !mul || !matrix) return std::nullopt;
  const double counted = 2 * *fma + *add + *mul + *matrix;
  const Value packed = value_of(metrics, "sm__inst_executed_pipe_tensor_op_hmma_type_hfma2.sum");
  if (packed && *packed * 32 * 4 > 0.1 * counted) return std::nullopt;
  return positive(counted);  // 0 is what these counters read where they cannot count
}

/// Whether matrix instructions ran that the problem's ceiling was not measured with (f32 products
/// made of tf32 ones, for one).
bool other_matrix_type(const Metrics& metrics, Dtype of_problem) {
  for (const Dtype dtype : {Dtype::tf32, Dtype::f16, Dtype::bf16})
    if (dtype != of_problem && value_of(metrics, matrix_flops_metric(dtype)).value_or(0) > 0)
      return true;
  return false;
}

void complete(RooflinePoint& point, const Meaning& ceilings) {
  point.intensity = ratio(point.flops, point.bytes);
  point.flops_per_s = ratio(point.flops, point.seconds);
  point.bytes_per_s = ratio(point.bytes, point.seconds);
  point.compute_share = ratio(point.flops_per_s, ceilings.peak_flops_per_s);
  point.memory_share = ratio(point.bytes_per_s, ceilings.peak_bytes_per_s);
  if (!point.intensity || !ceilings.ridge) return;
  const bool memory = *point.intensity < *ceilings.ridge;
  point.bound = memory ? "memory" : "compute";
  point.share = memory ? point.memory_share : point.compute_share;
}

void set_ceilings(Meaning& meaning, const Problem& p, const Peaks& peaks) {
  const auto rate = peaks.gemm_flops_per_s.find(std::string(name(p.dtype)));
  if (rate != peaks.gemm_flops_per_s.end()) meaning.peak_flops_per_s = positive(rate->second);
  meaning.peak_bytes_per_s = positive(peaks.copy_bytes_per_s);
  meaning.ridge = ratio(meaning.peak_flops_per_s, meaning.peak_bytes_per_s);
}

/// The pass that reads counters launches the same call again and again, so its caches are warm.
void set_traffic(Meaning& meaning, const CaseResult& result, const Profile& profile) {
  const Value moved = bytes_moved(profile.region);
  meaning.traffic = ratio(moved, positive(meaning.needed_bytes));
  if (!moved) return;
  if (result.cache != "hot") {
    meaning.traffic_note = fmt::format(
        "counted in calls that follow each other on the same buffers, while those timed had cache "
        "{}: no rate is made of the two",
        result.cache);
    return;
  }
  meaning.whole.bytes = moved;
  if (meaning.traffic && *meaning.traffic < 1)
    meaning.traffic_note =
        "under 1 because calls follow each other on the same buffers (cache hot): weights and "
        "inputs stay in the last-level cache from one call to the next";
}

void set_launches(Meaning& meaning, const Problem& p, const Metrics& region) {
  const auto seconds = [&](const char* name) { return times(value_of(region, name), 1e-9); };
  meaning.launches = value_of(region, "rnnbench__kernel_launches");
  meaning.launches_per_step = ratio(meaning.launches, static_cast<double>(p.seq));
  meaning.launches_per_depth = ratio(meaning.launches, depth(p));
  meaning.kernel_s = seconds("rnnbench__kernel_time");
  meaning.busy_s = seconds("rnnbench__busy_time");
  meaning.gap_s = seconds("rnnbench__gap_time");
  meaning.span_s = seconds("rnnbench__span_time");
}

KernelMeaning meaning_of(const KernelMetrics& kernel, const Meaning& ceilings, Dtype dtype) {
  KernelMeaning meaning;
  meaning.name = kernel.name;
  meaning.shape = kernel.shape;
  meaning.launches = kernel.launches;
  const double launches = kernel.launches;
  meaning.point.flops = times(counted_flops(kernel.metrics), launches);
  meaning.point.bytes = times(bytes_moved(kernel.metrics), launches);
  // The time of the launches that gave the counters: others may do more or less.
  Value launch_ns = recorded_ns(kernel.metrics);
  if (!launch_ns) launch_ns = value_of(kernel.metrics, "gpu__time_duration.sum");
  meaning.point.seconds = times(launch_ns, 1e-9 * launches);
  complete(meaning.point, ceilings);
  if (other_matrix_type(kernel.metrics, dtype)) {
    meaning.point.compute_share = meaning.point.share = std::nullopt;
    meaning.point.bound.clear();
  }
  return meaning;
}

}  // namespace

std::optional<double> value_of(const Metrics& metrics, const std::string& name) {
  const auto found = metrics.find(name);
  if (found == metrics.end() || !found->second.value || !std::isfinite(*found->second.value))
    return std::nullopt;
  return found->second.value;
}

std::optional<double> recorded_ns(const Metrics& metrics) {
  const Value sampled = value_of(metrics, "rnnbench__sampled_time");
  return sampled ? sampled : value_of(metrics, "rnnbench__launch_time");
}

std::optional<double> matrix_instructions(const Metrics& metrics) {
  // The count of a type is part of that of its op, which has wgmma too.
  const Value all = value_of(metrics, "sm__inst_executed_pipe_tensor_op_hmma.sum");
  const Value moves = value_of(metrics, "sm__inst_executed_pipe_tensor_op_hmma_type_hfma2.sum");
  if (all && moves) return std::max(0.0, *all - *moves);
  if (value_of(metrics, "sm__inst_executed_pipe_tensor.sum") == 0.0) return 0;
  return std::nullopt;
}

double output_bytes(const Problem& p) {
  Problem none = p;
  none.want_output = none.want_h_n = none.want_c_n = false;
  const double head = p.head_at == HeadAt::none ? 0
                      : p.head_at == HeadAt::last_step
                          ? static_cast<double>(p.batch * p.head)
                          : static_cast<double>(p.batch * p.seq) * static_cast<double>(p.head);
  return compulsory_bytes(p) - compulsory_bytes(none) + head * bytes_per_element(p.dtype);
}

Meaning meaning_of(const CaseResult& result, const Profile& profile, const DeviceInfo& device,
                   const Peaks* peaks) {
  Meaning meaning;
  const Problem& p = result.problem;
  if (peaks) set_ceilings(meaning, p, *peaks);
  meaning.needed_bytes = compulsory_bytes(p);
  if (device.kind == Device::cuda) {
    set_traffic(meaning, result, profile);
    set_launches(meaning, p, profile.region);
  }
  meaning.whole.flops = flops(p);
  if (result.time) {
    meaning.whole.seconds = positive(result.time->median);
    meaning.floor_share = ratio(positive(result.floor.seconds), meaning.whole.seconds);
    meaning.latency_share = ratio(positive(result.floor.latency_s), meaning.whole.seconds);
  }
  complete(meaning.whole, meaning);
  for (const KernelMetrics& kernel : profile.kernels)
    meaning.kernels.push_back(meaning_of(kernel, meaning, p.dtype));
  return meaning;
}

}  // namespace rnnbench
