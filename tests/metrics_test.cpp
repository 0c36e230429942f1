#include "harness/metrics.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "harness/device.hpp"
#include "harness/error.hpp"
#include "harness/problem.hpp"

namespace rnnbench {
namespace {

using Level = MetricsChoice::Level;

TEST(Metrics, ChoicesAreReadAndWrittenAlike) {
  for (const char* text : {"none", "default", "full", "dram__bytes_read.sum,cycles"})
    EXPECT_EQ(to_text(parse_metrics_choice(text)), text);
  EXPECT_EQ(parse_metrics_choice("cycles,cycles").names, std::vector<std::string>{"cycles"});
  for (const char* text : {"default,callgrind", "none,page-faults", "x,full", "", ",", "a,", "a,,b",
                           "a b", "a;b", "--quiet"})
    EXPECT_THROW(parse_metrics_choice(text), UsageError) << text;
}

std::vector<std::string> sorted_names(Level level, Device device, Dtype dtype) {
  auto names = metric_names({level, {}}, device, dtype);
  std::sort(names.begin(), names.end());
  return names;
}

TEST(Metrics, LevelsNameCountersOfTheirDevice) {
  EXPECT_TRUE(sorted_names(Level::none, Device::cuda, Dtype::f16).empty());
  for (const Device device : {Device::cpu, Device::cuda})
    for (const Dtype dtype : {Dtype::f32, Dtype::tf32, Dtype::f16, Dtype::bf16}) {
      const auto standard = sorted_names(Level::standard, device, dtype);
      const auto full = sorted_names(Level::full, device, dtype);
      EXPECT_GT(full.size(), standard.size());
      EXPECT_TRUE(std::includes(full.begin(), full.end(), standard.begin(), standard.end()));
      EXPECT_EQ(std::adjacent_find(full.begin(), full.end()), full.end());
    }
  const auto cuda = sorted_names(Level::standard, Device::cuda, Dtype::f32);
  for (const char* published :
       {"sm__inst_executed_pipe_tensor_op_hmma.sum",
        "sm__inst_executed_pipe_tensor_op_hmma_type_hfma2.sum",
        "smsp__sass_thread_inst_executed_op_ffma_pred_on.sum",
        "smsp__sass_thread_inst_executed_op_fadd_pred_on.sum",
        "smsp__sass_thread_inst_executed_op_fmul_pred_on.sum",
        "sm__throughput.avg.pct_of_peak_sustained_elapsed",
        "sm__warps_active.avg.pct_of_peak_sustained_active",
        "dram__throughput.avg.pct_of_peak_sustained_elapsed", "lts__t_sector_hit_rate.pct"})
    EXPECT_NE(std::find(cuda.begin(), cuda.end(), published), cuda.end()) << published;
  EXPECT_EQ(metric_names(parse_metrics_choice("x.y"), Device::cpu, Dtype::f32),
            std::vector<std::string>{"x.y"});
}

TEST(Metrics, FlopsOfMatrixInstructionsAreThoseOfTheDtype) {
  const auto counted = [](Level level, Device device, Dtype dtype) {
    auto names = sorted_names(level, device, dtype);
    std::erase_if(names, [](const auto& name) { return !name.starts_with("sm__ops_path_"); });
    return names;
  };
  using Names = std::vector<std::string>;
  const std::string bf16 = "sm__ops_path_tensor_src_bf16_dst_fp32.sum",
                    f16 = "sm__ops_path_tensor_src_fp16.sum",
                    tf32 = "sm__ops_path_tensor_src_tf32_dst_fp32.sum";
  EXPECT_EQ(counted(Level::standard, Device::cuda, Dtype::f32), Names{});
  EXPECT_EQ(counted(Level::standard, Device::cuda, Dtype::tf32), Names{tf32});
  EXPECT_EQ(counted(Level::standard, Device::cuda, Dtype::f16), Names{f16});
  EXPECT_EQ(counted(Level::standard, Device::cuda, Dtype::bf16), Names{bf16});
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16})
    EXPECT_EQ(counted(Level::full, Device::cuda, dtype), (Names{bf16, f16, tf32}));
  EXPECT_EQ(counted(Level::full, Device::cpu, Dtype::f16), Names{});
}

TEST(Metrics, WhatIsMistypedHasNearestNames) {
  const std::vector<MetricInfo> known{{"dram__bytes_read.sum", ""},
                                      {"dram__bytes_write.sum", ""},
                                      {"dram__throughput.avg.pct_of_peak_sustained_elapsed", ""},
                                      {"sm__cycles_active.avg", ""}};
  const auto near = nearest_metrics("DRAM_bytes_read", known);
  ASSERT_GE(near.size(), 2U);
  EXPECT_EQ(near[0], "dram__bytes_read.sum");
  EXPECT_EQ(near[1], "dram__bytes_write.sum");
  EXPECT_TRUE(nearest_metrics("zzz", known).empty());
  EXPECT_TRUE(nearest_metrics("", known).empty());
}

}  // namespace
}  // namespace rnnbench
