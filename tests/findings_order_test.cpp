// Findings side by side: which comes first, what each may explain, and whose time rates are made
// with.
#include <gtest/gtest.h>

#include "harness/findings.hpp"
#include "tests/findings_fixture.hpp"

namespace rnnbench {
namespace {

TEST(Findings, FourBlocksOnAChipAreTheWholeStory) {
  const auto findings = four_blocks_a_step().findings();
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].id, "idle-chip");
  EXPECT_EQ(findings[0].kernel, "fused_step");
  EXPECT_EQ(
      findings[0].sentence,
      "fused_step runs 4 blocks on 132 SMs: 97 % of the chip has nothing to do in each of its "
      "256 launches. Smaller tiles, or batch rows side by side, would fill it.");
  EXPECT_NEAR(*findings[0].explains_s, 256 * 12e-6 * (1 - 4.0 / 128), 1e-9);
  EXPECT_NE(find(findings, "launch-gaps"), nullptr);
  EXPECT_NE(find(findings, "low-occupancy"), nullptr);
}

/// A range around a launch of 2 us takes twice as long: what is divided by its time is halved.
TEST(Findings, RatesAreThoseOfTheKernelsOwnTime) {
  ProfiledCase c = quiet_gpu();
  c.set(dram_pct, 40);
  EXPECT_EQ(find(c.findings(), "dram-bound"), nullptr);
  c.take(10e-6);
  c.set("gpu__time_duration.sum", 8e3);
  c.set("rnnbench__launch_time", 4e3);
  auto findings = c.findings();
  const Finding* bound = find(findings, "dram-bound");
  ASSERT_NE(bound, nullptr);
  EXPECT_NE(bound->sentence.find("DRAM at 80 %"), std::string::npos) << bound->sentence;
  // Where the launches that were counted take longer than others, that is no range's doing.
  c.set("rnnbench__sampled_time", 8e3);
  EXPECT_EQ(find(c.findings(), "dram-bound"), nullptr);
  c.profile.kernels[0].metrics.erase("rnnbench__sampled_time");
  c.set("gpu__time_duration.sum", 490e3);
  c.set("rnnbench__launch_time", 245e3);
  EXPECT_EQ(find(c.findings(), "dram-bound"), nullptr) << "245 us are no range's";
}

TEST(Findings, WarmKernelsSayNothingAboutAColdCall) {
  ProfiledCase c = quiet_gpu();
  c.result.mode = "eager", c.take(2.6e-3);
  EXPECT_NE(find(c.findings(), "host-bound"), nullptr);
  c.result.cache = "cold";
  EXPECT_EQ(find(c.findings(), "host-bound"), nullptr);
}

TEST(Findings, TheLargestComeFirstAndThoseWithoutAnEstimateLast) {
  ProfiledCase c = four_blocks_a_step();
  c.set("launch__local_mem_per_thread", 16);
  c.set("launch__block_size", 120);
  const auto findings = c.findings();
  ASSERT_GE(findings.size(), 4U);
  EXPECT_EQ(findings.back().id, "spilling");
  EXPECT_FALSE(findings.back().explains_s);
  for (std::size_t k = 1; k + 1 < findings.size(); ++k) {
    ASSERT_TRUE(findings[k].explains_s);
    EXPECT_GE(*findings[k - 1].explains_s, *findings[k].explains_s);
  }
}

TEST(Findings, WhatOneKernelMayExplainIsNeverMoreThanTheMedian) {
  ProfiledCase c = four_blocks_a_step();
  c.take(1e-3);  // launches that overlap: their durations add up to more
  for (const Finding& f : c.findings())
    if (f.explains_s) {
      EXPECT_LE(*f.explains_s, 1e-3) << f.id;
    }
}

TEST(Findings, OverlappingLaunchesMayShareTheChip) {
  ProfiledCase c = four_blocks_a_step();
  c.set_region("rnnbench__busy_time", 3e6);
  EXPECT_NE(c.findings()[0].sentence.find("Launches overlap here"), std::string::npos);
}

TEST(Findings, WithoutCeilingsOnlyEstimatesAreMissing) {
  ProfiledCase c = quiet_gpu();
  c.set_region("dram__bytes_write.sum", 400e6);
  const auto findings = findings_of(c.result, c.profile, c.device, nullptr);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].id, "extra-stores");
  EXPECT_FALSE(findings[0].explains_s);
}

}  // namespace
}  // namespace rnnbench
