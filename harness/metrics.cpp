#include "harness/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>
#include <utility>

#include "harness/device.hpp"
#include "harness/error.hpp"
#include "harness/problem.hpp"

namespace rnnbench {
namespace {

using Level = MetricsChoice::Level;

// Names of the device's own profiler, so that a number can be looked up there. On CUDA these take
// 10 passes over the kernels on CC 9.0, most of them for sm__throughput and one for all SASS
// counters; that of a dtype's matrix flops 2 more for f16, else 1. The full level takes 14.
constexpr std::array cuda_default{
    "sm__throughput.avg.pct_of_peak_sustained_elapsed",
    "sm__warps_active.avg.pct_of_peak_sustained_active",
    "sm__cycles_active.avg.pct_of_peak_sustained_elapsed",
    "dram__throughput.avg.pct_of_peak_sustained_elapsed",
    "dram__bytes_read.sum",
    "dram__bytes_write.sum",
    "lts__t_sector_hit_rate.pct",
    "l1tex__t_sector_hit_rate.pct",
    "smsp__inst_executed.sum",
    "sm__inst_executed_pipe_fma.sum",
    "sm__inst_executed_pipe_tensor.sum",
    "sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_active",
    "sm__inst_executed_pipe_tensor_op_hmma.sum",
    "sm__inst_executed_pipe_tensor_op_hmma_type_hfma2.sum",
    "smsp__sass_thread_inst_executed_op_ffma_pred_on.sum",
    "smsp__sass_thread_inst_executed_op_fadd_pred_on.sum",
    "smsp__sass_thread_inst_executed_op_fmul_pred_on.sum",
};
constexpr std::array cuda_more{
    "smsp__sass_thread_inst_executed_op_hfma_pred_on.sum",
    "sm__inst_executed_pipe_tensor_op_gmma.sum",
    "l1tex__m_xbar2l1tex_read_bytes_mem_dshared.sum",
    "l1tex__m_l1tex2xbar_write_bytes_mem_dshared.sum",
    "gpc__cycles_elapsed.max",
    "gpc__cycles_elapsed.avg.per_second",
};
// As `perf list` names them.
constexpr std::array cpu_default{
    "cycles",     "instructions", "cache-references", "cache-misses",
    "task-clock", "page-faults",  "context-switches",
};
constexpr std::array cpu_more{
    "branch-instructions", "branch-misses",   "L1-dcache-loads",  "L1-dcache-load-misses",
    "LLC-loads",           "LLC-load-misses", "dTLB-load-misses", "cpu-migrations",
};

template <class More>
std::vector<std::string> names_of(const auto& basic, const More& more, bool full) {
  std::vector<std::string> names(basic.begin(), basic.end());
  if (full) names.insert(names.end(), more.begin(), more.end());
  return names;
}

/// Shares of letters in runs of three, without regard to case: names are long and alike, so edit
/// distance says little.
double likeness(std::string_view a, std::string_view b) {
  const auto runs = [](std::string_view text) {
    std::vector<std::string> all;
    std::string lower;
    for (const char c : text)
      lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (std::size_t k = 0; k + 3 <= lower.size(); ++k) all.push_back(lower.substr(k, 3));
    std::sort(all.begin(), all.end());
    return all;
  };
  const auto left = runs(a), right = runs(b);
  std::vector<std::string> common;
  std::set_intersection(left.begin(), left.end(), right.begin(), right.end(),
                        std::back_inserter(common));
  const auto all = left.size() + right.size();
  return all == 0 ? 0 : 2.0 * static_cast<double>(common.size()) / static_cast<double>(all);
}

}  // namespace

MetricsChoice parse_metrics_choice(const std::string& text) {
  if (text == "none") return {Level::none, {}};
  if (text == "default") return {Level::standard, {}};
  if (text == "full") return {Level::full, {}};
  MetricsChoice choice{Level::named, {}};
  std::istringstream parts(text);
  for (std::string name; std::getline(parts, name, ',');) {
    const bool printable = std::all_of(name.begin(), name.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-' || c == ':';
    });
    // "--metrics --quiet": a name was left out.
    if (name.empty() || name.front() == '-' || !printable)
      throw UsageError(fmt::format(
          "--metrics '{}': expected none, default, full or names of metrics, comma-separated "
          "(rnnbench list metrics)",
          text));
    if (name == "none" || name == "default" || name == "full")
      throw UsageError(fmt::format(
          "--metrics '{}': {} is a level and stands alone, or give names of metrics only", text,
          name));
    if (std::find(choice.names.begin(), choice.names.end(), name) == choice.names.end())
      choice.names.push_back(name);
  }
  if (choice.names.empty() || text.ends_with(','))
    throw UsageError(
        fmt::format("--metrics '{}': expected none, default, full or names of metrics", text));
  return choice;
}

std::string to_text(const MetricsChoice& choice) {
  switch (choice.level) {
    case Level::none:
      return "none";
    case Level::standard:
      return "default";
    case Level::full:
      return "full";
    case Level::named:
      break;
  }
  return fmt::format("{}", fmt::join(choice.names, ","));
}

std::vector<std::string> metric_names(const MetricsChoice& choice, Device device, Dtype dtype) {
  if (choice.level == Level::none) return {};
  if (choice.level == Level::named) return choice.names;
  const bool full = choice.level == Level::full;
  if (device == Device::cpu) return names_of(cpu_default, cpu_more, full);
  auto names = names_of(cuda_default, cuda_more, full);
  for (const Dtype one : {Dtype::tf32, Dtype::f16, Dtype::bf16})
    if (full || one == dtype) names.push_back(matrix_flops_metric(one));
  return names;
}

std::string matrix_flops_metric(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return {};
    case Dtype::tf32:
      return "sm__ops_path_tensor_src_tf32_dst_fp32.sum";
    case Dtype::f16:
      return "sm__ops_path_tensor_src_fp16.sum";
    case Dtype::bf16:
      return "sm__ops_path_tensor_src_bf16_dst_fp32.sum";
  }
  return {};
}

bool from_records(std::string_view name) {
  return name.starts_with("launch__") || name.starts_with("rnnbench__") ||
         name == "sm__maximum_warps_per_active_cycle_pct";
}

Profile unread(const ProfileRequest& request, const std::string& why) {
  Profile profile;
  for (const auto& name : request.metrics) profile.region[name] = not_read(why);
  profile.kernels_why = profile.timeline_why = why;
  return profile;
}

std::vector<std::string> nearest_metrics(std::string_view name,
                                         const std::vector<MetricInfo>& known) {
  std::vector<std::pair<double, std::string>> found;
  for (const auto& metric : known)
    if (const double alike = likeness(name, metric.name); alike > 0.3)
      found.emplace_back(-alike, metric.name);
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  for (std::size_t k = 0; k < std::min<std::size_t>(3, found.size()); ++k)
    names.push_back(found[k].second);
  return names;
}

}  // namespace rnnbench
