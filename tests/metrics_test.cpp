#include "harness/metrics.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "harness/device.hpp"
#include "harness/error.hpp"

namespace rnnbench {
namespace {

using Level = MetricsChoice::Level;

TEST(Metrics, ChoicesAreReadAndWrittenAlike) {
  for (const char* text : {"none", "default", "full", "dram__bytes_read.sum,cycles"})
    EXPECT_EQ(to_text(parse_metrics_choice(text)), text);
  EXPECT_EQ(parse_metrics_choice("cycles,cycles").names, std::vector<std::string>{"cycles"});
  for (const char* text : {"", ",", "a,", "a,,b", "a b", "a;b"})
    EXPECT_THROW(parse_metrics_choice(text), UsageError) << text;
}

TEST(Metrics, LevelsNameCountersOfTheirDevice) {
  const auto names = [](Level level, Device device) { return metric_names({level, {}}, device); };
  EXPECT_TRUE(names(Level::none, Device::cuda).empty());
  for (const Device device : {Device::cpu, Device::cuda}) {
    auto standard = names(Level::standard, device), full = names(Level::full, device);
    EXPECT_GT(full.size(), standard.size());
    EXPECT_TRUE(std::equal(standard.begin(), standard.end(), full.begin()));
    std::sort(full.begin(), full.end());
    EXPECT_EQ(std::adjacent_find(full.begin(), full.end()), full.end());
  }
  const auto cuda = names(Level::standard, Device::cuda);
  for (const char* published :
       {"sm__throughput.avg.pct_of_peak_sustained_elapsed",
        "sm__warps_active.avg.pct_of_peak_sustained_active",
        "dram__throughput.avg.pct_of_peak_sustained_elapsed", "lts__t_sector_hit_rate.pct"})
    EXPECT_NE(std::find(cuda.begin(), cuda.end(), published), cuda.end()) << published;
  EXPECT_EQ(metric_names(parse_metrics_choice("x.y"), Device::cpu),
            std::vector<std::string>{"x.y"});
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
