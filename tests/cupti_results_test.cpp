// Values and failures of the profiler as metrics with reasons.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "impls/cuda/cupti/reasons.hpp"
#include "impls/cuda/cupti/results.hpp"
#include "impls/cuda/cupti/withheld.hpp"

namespace rnnbench::cupti {
namespace {

TEST(CuptiReasons, NameTheCallTheErrorAndWhatMendsIt) {
  const auto rights = reason_for(35, "CUPTI_ERROR_INSUFFICIENT_PRIVILEGES", "cuptiX");
  EXPECT_TRUE(rights.starts_with("cuptiX: error 35 CUPTI_ERROR_INSUFFICIENT_PRIVILEGES: "));
  EXPECT_NE(rights.find("NVreg_RestrictProfilingToAdminUsers=0"), std::string::npos);
  const auto second = reason_for(39, "MULTIPLE", "cuptiSubscribe");
  EXPECT_NE(second.find("another profiler"), std::string::npos);
  EXPECT_NE(second.find("--metrics none"), std::string::npos);
  EXPECT_EQ(reason_for(999, "", "cuptiX"), "cuptiX: error 999");
  for (int code = 0; code < 50; ++code)
    EXPECT_EQ(reason_for(code, "W", "c").find('\n'), std::string::npos) << code;
  EXPECT_EQ(Failure(39, "W", "c").code(), 39);
}

TEST(CuptiResults, MeansAreOverTheLaunchesThatSamplesStandFor) {
  const std::vector<double> first{1, 10}, second{3, 20};
  auto metrics = mean_metrics({"a", "b"}, {{&first}, {&second}});
  EXPECT_EQ(metrics.at("a"), read_as(2));
  EXPECT_EQ(metrics.at("b"), read_as(15));
  metrics = mean_metrics({"a", "b"}, {{&first, 1}, {&second, 9}});
  EXPECT_EQ(metrics.at("a"), read_as(2.8));
  EXPECT_EQ(metrics.at("b"), read_as(19));
}

TEST(CuptiResults, WhatIsNoNumberHasAReasonAndNoValue) {
  const std::vector<double> first{1, std::nan(""), std::numeric_limits<double>::infinity()},
      second{3, 20, 1}, cut{1};
  for (const auto& metrics : {mean_metrics({"a", "b", "c"}, {{&first}, {&second}}),
                              mean_metrics({"a", "b", "c"}, {{&cut}})}) {
    EXPECT_TRUE(metrics.at("a").value);
    for (const char* name : {"b", "c"}) {
      EXPECT_FALSE(metrics.at(name).value) << name;
      EXPECT_FALSE(metrics.at(name).why.empty()) << name;
    }
  }
}

TEST(CuptiResults, SpansAreMetricsOfTheRegion) {
  Launch first, second;
  first.start_ns = 100, first.end_ns = 110, second.start_ns = 130, second.end_ns = 150;
  const auto metrics = span_metrics({first, second});
  EXPECT_EQ(metrics.at("rnnbench__kernel_launches"), read_as(2));
  EXPECT_EQ(metrics.at("rnnbench__kernel_time"), read_as(30));
  EXPECT_EQ(metrics.at("rnnbench__busy_time"), read_as(30));
  EXPECT_EQ(metrics.at("rnnbench__gap_time"), read_as(20));
  EXPECT_EQ(metrics.at("rnnbench__span_time"), read_as(50));
  const auto none = no_span_metrics("why");
  ASSERT_EQ(none.size(), metrics.size());
  for (const auto& [name, metric] : none) {
    EXPECT_EQ(metric, not_read("why")) << name;
    EXPECT_TRUE(from_records(name)) << name;
  }
}

TEST(CuptiResults, KernelsHaveTheirMeanDuration) {
  const auto kernels = kernel_metrics({{"k", "shape", {0, 2, 5}, 60}});
  ASSERT_EQ(kernels.size(), 1U);
  EXPECT_EQ(kernels[0].launches, 3);
  EXPECT_EQ(kernels[0].sampled, 0);
  EXPECT_EQ(kernels[0].metrics.at(launch_time), read_as(20));
}

TEST(CuptiResults, HitRatesBeyondAllAreKeptWithAWarning) {
  Profile profile;
  profile.region = {{"lts__t_sector_hit_rate.pct", read_as(104)},
                    {"l1tex__t_sector_hit_rate.pct", read_as(99)},
                    {"sm__x.sum", read_as(1e9)},
                    {"b_hit_rate.pct", not_read("why")}};
  EXPECT_EQ(hit_rate_warnings(profile).size(), 1U);
  profile.kernels.resize(2);
  profile.kernels[1].metrics = {{"lts__t_sector_hit_rate.pct", read_as(107)}};
  const auto warnings = hit_rate_warnings(profile);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(
      warnings[0].starts_with("lts__t_sector_hit_rate.pct is over 100 % in 2 places, up to "
                              "107 %"))
      << warnings[0];
  EXPECT_TRUE(hit_rate_warnings({}).empty());
}

TEST(CuptiResults, NamesOfOursAreNotAskedOfTheProfiler) {
  for (const char* name :
       {"launch__grid_size", "rnnbench__gap_time", "sm__maximum_warps_per_active_cycle_pct"})
    EXPECT_TRUE(from_records(name)) << name;
  for (const char* name : {"gpu__time_duration.sum", "sm__throughput.avg", ""})
    EXPECT_FALSE(from_records(name)) << name;
}

TEST(CuptiWithheld, RatesOfShortCallsAndTheTimeOfRanges) {
  const char* rate = "dram__throughput.avg.pct_of_peak_sustained_elapsed";
  for (const char* name : {rate, "gpc__cycles_elapsed.max", "dram__bytes_read.sum.per_second"}) {
    const auto why = why_withheld(name, 500e-6);
    EXPECT_NE(why.find("its 500 us"), std::string::npos) << name << ": " << why;
    EXPECT_EQ(why_withheld(name, 900e-6), "") << name;
  }
  EXPECT_NE(why_withheld(rate, 0).find("not recorded"), std::string::npos);
  EXPECT_NE(why_withheld("gpu__time_duration.sum", 10).find("rnnbench__span_time"),
            std::string::npos);
  for (const char* name :
       {"dram__bytes_read.sum", "sm__warps_active.avg.pct_of_peak_sustained_active"})
    EXPECT_EQ(why_withheld(name, 5e-6), "") << name;
}

TEST(CuptiWithheld, CachesOfLaunchesThatAreReplayedAlone) {
  for (const char* name :
       {"dram__bytes_read.sum", "lts__t_sector_hit_rate.pct", "gpu__time_duration.sum",
        "sm__inst_executed.sum.per_second", "sm__throughput.avg.pct_of_peak_sustained_elapsed",
        "sm__warps_active.avg.pct_of_peak_sustained_active", "sm__cycles_active.sum", "fbpa__x.sum",
        "sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_active"})
    EXPECT_NE(why_not_alone(name).find("other caches"), std::string::npos) << name;
  for (const char* name : {"smsp__inst_executed.sum", "sm__inst_executed_pipe_tensor.sum",
                           "smsp__sass_thread_inst_executed_op_ffma_pred_on.sum",
                           "sm__ops_path_tensor_src_tf32_dst_fp32.sum"})
    EXPECT_EQ(why_not_alone(name), "") << name;
}

TEST(CuptiResults, InstructionsOfTheRegionAreThoseOfAllItsLaunches) {
  KernelMetrics step, product;
  step.launches = 10, product.launches = 2;
  step.metrics = {{"a.sum", read_as(3)}, {"b.sum", read_as(2)}};
  product.metrics = {{"a.sum", read_as(100)}, {"b.sum", not_read("why")}};
  const auto region = sums_over_kernels({"a.sum", "b.sum", "c.sum", "a.avg"}, {step, product});
  EXPECT_EQ(region.at("a.sum"), read_as(230));
  for (const char* name : {"b.sum", "c.sum", "a.avg"}) {
    EXPECT_FALSE(region.at(name).value) << name;
    EXPECT_NE(region.at(name).why.find("kernel by kernel"), std::string::npos) << name;
  }
  EXPECT_FALSE(sums_over_kernels({"a.sum"}, {}).at("a.sum").value);
}

TEST(CuptiWithheld, SassCountersNeedAWitness) {
  const char* ffma = "smsp__sass_thread_inst_executed_op_ffma_pred_on.sum";
  EXPECT_EQ(with_witness({"a"}), (std::vector<std::string>{"a"}));
  EXPECT_EQ(with_witness({ffma, "a"}), (std::vector<std::string>{ffma, "a", sass_witness}));
  EXPECT_EQ(with_witness({sass_witness}), (std::vector<std::string>{sass_witness}));

  Metrics counted{{ffma, read_as(0)}, {"a", read_as(0)}, {sass_witness, read_as(7)}};
  judge_sass({ffma}, counted);
  EXPECT_EQ(counted, (Metrics{{ffma, read_as(0)}, {"a", read_as(0)}}));

  Metrics blind{{ffma, read_as(0)}, {"a", read_as(0)}, {sass_witness, read_as(0)}};
  judge_sass({ffma, sass_witness}, blind);
  EXPECT_EQ(blind.at("a"), read_as(0));
  for (const char* name : {ffma, sass_witness}) {
    EXPECT_FALSE(blind.at(name).value) << name;
    EXPECT_NE(blind.at(name).why.find("may not count here"), std::string::npos) << name;
  }
  // Without the witness nobody knows.
  for (const Metric& unread : {not_read("left out"), read_as(0)}) {
    Metrics unseen{{ffma, read_as(0)}, {sass_witness, unread}};
    judge_sass({ffma}, unseen);
    EXPECT_FALSE(unseen.at(ffma).value);
    EXPECT_FALSE(unseen.contains(sass_witness));
  }
  Metrics without{{ffma, read_as(0)}, {"b_sass_", not_read("why")}};
  judge_sass({ffma}, without);
  EXPECT_FALSE(without.at(ffma).value);
  EXPECT_EQ(without.at("b_sass_"), not_read("why"));
  Metrics asked{{sass_witness, not_read("no such metric")}};
  judge_sass({sass_witness}, asked);
  EXPECT_EQ(asked.at(sass_witness), not_read("no such metric"));
}

}  // namespace
}  // namespace rnnbench::cupti
