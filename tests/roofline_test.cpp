#include "harness/roofline.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <optional>

#include "harness/floor.hpp"
#include "tests/findings_fixture.hpp"

namespace rnnbench {
namespace {

TEST(Roofline, ACaseIsItsTimedMedianUnderTheMeasuredCeilings) {
  const ProfiledCase c = quiet_gpu();
  const Meaning m = c.meaning();
  EXPECT_EQ(m.peak_flops_per_s, 50e12);
  EXPECT_EQ(m.peak_bytes_per_s, 4.2e12);
  EXPECT_DOUBLE_EQ(*m.ridge, 50 / 4.2);
  EXPECT_DOUBLE_EQ(*m.whole.flops, flops(c.result.problem));
  EXPECT_DOUBLE_EQ(*m.whole.bytes, 22e6);
  EXPECT_EQ(m.whole.seconds, 1e-3);  // not the 0.99 ms of the profiled call
  EXPECT_DOUBLE_EQ(*m.whole.flops_per_s, flops(c.result.problem) / 1e-3);
  EXPECT_DOUBLE_EQ(*m.whole.bytes_per_s, 22e9);
  EXPECT_EQ(m.whole.bound, "compute");
  EXPECT_EQ(m.whole.share, m.whole.compute_share);
  EXPECT_DOUBLE_EQ(*m.whole.memory_share, 22e9 / 4.2e12);
}

TEST(Roofline, UnderTheRidgeMemoryIsTheCeiling) {
  ProfiledCase c = quiet_gpu("rnn_tanh_b1_t1_i4096_h4096_l1_f32");
  c.take(100e-6);
  c.set_region("dram__bytes_read.sum", 134e6);
  c.set_region("dram__bytes_write.sum", 0);
  const Meaning m = c.meaning();
  EXPECT_LT(*m.whole.intensity, 1);
  EXPECT_EQ(m.whole.bound, "memory");
  EXPECT_DOUBLE_EQ(*m.whole.share, 134e6 / 100e-6 / 4.2e12);
}

TEST(Roofline, KernelsHaveTheirOwnDurationsAndCountedFlops) {
  ProfiledCase c = quiet_gpu();
  const auto point = [&] { return c.meaning().kernels.at(0).point; };
  EXPECT_FALSE(point().flops);  // no counters of instructions
  EXPECT_DOUBLE_EQ(*point().seconds, 980e-6);
  EXPECT_DOUBLE_EQ(*point().bytes, 22e6);
  EXPECT_DOUBLE_EQ(*point().bytes_per_s, 22e6 / 980e-6);
  EXPECT_TRUE(point().bound.empty());

  const auto sass = [&](const std::string& op, double count) {
    c.set(("smsp__sass_thread_inst_executed_op_" + op + "_pred_on.sum").c_str(), count);
  };
  sass("ffma", 1e9), sass("fadd", 1e6), sass("fmul", 2e6);
  EXPECT_FALSE(point().flops);                      // tensor cores were at work too
  c.set(matrix_all, 5e3), c.set(tensor_pipe, 5e3);  // or only moved constants
  EXPECT_DOUBLE_EQ(*point().flops, 2 * (2e9 + 3e6));
  EXPECT_DOUBLE_EQ(*point().intensity, 2 * (2e9 + 3e6) / 22e6);
  EXPECT_EQ(point().bound, "compute");
  sass("hfma", 5e3 * 32);  // by which they were moved
  EXPECT_DOUBLE_EQ(*point().flops, 2 * (2e9 + 3e6));
  for (const char* op : {"ffma", "fadd", "fmul"}) {
    ProfiledCase without = c;
    without.blank(fmt::format("smsp__sass_thread_inst_executed_op_{}_pred_on.sum", op));
    EXPECT_FALSE(without.meaning().kernels.at(0).point.flops) << op;
  }
  sass("ffma", 0), sass("fadd", 0), sass("fmul", 0);
  EXPECT_FALSE(point().flops);  // never 0 because nothing was counted
}

/// A kernel with 10 million flops of f32 instructions, and what its counters of the tensor pipe
/// are.
std::optional<double> flops_with(const std::map<const char*, double>& counters) {
  ProfiledCase c = quiet_gpu();
  for (const char* metric : {tensor_pipe, matrix_all, matrix_hfma2}) c.blank(metric);
  for (const auto& [metric, value] : counters) c.set(metric, value);
  for (const char* op : {"ffma", "fadd", "fmul"})
    c.set(fmt::format("smsp__sass_thread_inst_executed_op_{}_pred_on.sum", op).c_str(), 0);
  c.set("smsp__sass_thread_inst_executed_op_ffma_pred_on.sum", 5e6);
  c.profile.kernels[0].launches = 1;
  return c.meaning().kernels.at(0).point.flops;
}

TEST(Roofline, MatrixFlopsAreThoseCountedOrNoneRan) {
  for (const char* counted : {f16_flops, bf16_flops, tf32_flops})
    EXPECT_EQ(flops_with({{counted, 100}}), 1e7 + 100) << counted;
  EXPECT_EQ(flops_with({{f16_flops, 100}, {bf16_flops, 0}, {tf32_flops, 30}}), 1e7 + 130);
  EXPECT_EQ(flops_with({{f16_flops, 100}, {matrix_all, 9}, {matrix_hfma2, 5}}), 1e7 + 100);

  EXPECT_EQ(flops_with({{matrix_all, 5}, {matrix_hfma2, 5}, {tensor_pipe, 5}}), 1e7);
  EXPECT_EQ(flops_with({{matrix_all, 4}, {matrix_hfma2, 5}}), 1e7);  // of passes that differ
  EXPECT_EQ(flops_with({{matrix_all, 5}, {matrix_hfma2, 5}, {f16_flops, 0}}), 1e7);
  EXPECT_EQ(flops_with({{tensor_pipe, 0}}), 1e7);

  EXPECT_FALSE(flops_with({{matrix_all, 9}, {matrix_hfma2, 5}}));
  EXPECT_FALSE(flops_with({{matrix_all, 9}, {matrix_hfma2, 5}, {f16_flops, 0}}));  // of another
  EXPECT_FALSE(flops_with({{tensor_pipe, 5}}));
  EXPECT_FALSE(flops_with({{tensor_pipe, 5}, {matrix_all, 5}}));
  EXPECT_FALSE(flops_with({{f16_flops, 0}, {bf16_flops, 0}, {tf32_flops, 0}}));
  EXPECT_FALSE(flops_with({}));

  // Packed f16 instructions, 128 flops each if they compute: up to a tenth of what is counted.
  EXPECT_EQ(flops_with({{matrix_all, 7e3}, {matrix_hfma2, 7e3}}), 1e7);
  EXPECT_FALSE(flops_with({{matrix_all, 8e3}, {matrix_hfma2, 8e3}}));
}

TEST(Roofline, NoShareOfACeilingOfAnotherType) {
  for (const auto& [problem, shared] : {std::pair("gru_b64_t256_i512_h512_l1_tf32", true),
                                        {"gru_b64_t256_i512_h512_l1_f32", false}}) {
    ProfiledCase c = quiet_gpu(problem);
    c.set(tf32_flops, 1e12);
    for (const char* op : {"ffma", "fadd", "fmul"})
      c.set(fmt::format("smsp__sass_thread_inst_executed_op_{}_pred_on.sum", op).c_str(), 1);
    const auto point = c.meaning().kernels.at(0).point;
    EXPECT_TRUE(point.flops && point.flops_per_s && point.intensity && point.memory_share);
    EXPECT_EQ(point.compute_share.has_value(), shared) << problem;
    EXPECT_EQ(point.share.has_value(), shared) << problem;
    EXPECT_EQ(point.bound.empty(), !shared) << problem;
  }
}

TEST(Roofline, RecordsSayHowLongALaunchTakes) {
  ProfiledCase c = quiet_gpu();
  c.set("rnnbench__launch_time", 400e3);  // beside 490 us of a profiler's range
  EXPECT_DOUBLE_EQ(*c.meaning().kernels.at(0).point.seconds, 800e-6);
  // Counters of launches that take longer than the mean are theirs.
  c.set("rnnbench__sampled_time", 450e3);
  EXPECT_DOUBLE_EQ(*c.meaning().kernels.at(0).point.seconds, 900e-6);
}

TEST(Roofline, TrafficUnderOneIsExplained) {
  ProfiledCase c = quiet_gpu();
  Meaning m = c.meaning();
  EXPECT_DOUBLE_EQ(*m.traffic, 22e6 / compulsory_bytes(c.result.problem));
  ASSERT_LT(*m.traffic, 1);
  EXPECT_NE(m.traffic_note.find("stay in the last-level cache"), std::string::npos);
  c.set_region("dram__bytes_read.sum", 2 * compulsory_bytes(c.result.problem));
  m = c.meaning();
  EXPECT_GT(*m.traffic, 2);
  EXPECT_TRUE(m.traffic_note.empty());
}

TEST(Roofline, BytesOfWarmCallsAreNotHeldAgainstColdTimes) {
  ProfiledCase c = quiet_gpu();
  c.result.cache = "cold";
  const Meaning m = c.meaning();
  EXPECT_TRUE(m.traffic);
  EXPECT_NE(m.traffic_note.find("cache cold"), std::string::npos);
  EXPECT_FALSE(m.whole.bytes || m.whole.bytes_per_s || m.whole.intensity || m.whole.share);
  EXPECT_TRUE(m.whole.compute_share);
}

TEST(Roofline, StepsGapsAndTheFloor) {
  ProfiledCase c = four_blocks_a_step();
  const Meaning m = c.meaning();
  EXPECT_EQ(m.launches, 512);
  EXPECT_EQ(m.launches_per_step, 2);
  EXPECT_EQ(m.launches_per_depth, 2);
  EXPECT_DOUBLE_EQ(*m.busy_s, 4.1e-3);
  EXPECT_DOUBLE_EQ(*m.gap_s, 0.5e-3);
  EXPECT_DOUBLE_EQ(*m.span_s, 4.6e-3);
  EXPECT_DOUBLE_EQ(*m.floor_share, 50.8e-6 / 4.6e-3);
  EXPECT_DOUBLE_EQ(*m.latency_share, 50.8e-6 / 4.6e-3);
  c.result.problem = parse_id("gru-bi_b8_t128_i64_h64_l2_f32");
  EXPECT_EQ(c.meaning().launches_per_step, 4);
  EXPECT_EQ(c.meaning().launches_per_depth, 2);  // the second layer waits for the first
}

TEST(Roofline, NothingIsInvented) {
  ProfiledCase c = quiet_gpu();
  c.profile = unread({{"dram__bytes_read.sum", "rnnbench__gap_time"}, false, 3}, "no permission");
  Meaning m = meaning_of(c.result, c.profile, c.device, nullptr);
  EXPECT_FALSE(m.ridge || m.peak_flops_per_s || m.peak_bytes_per_s);
  EXPECT_FALSE(m.whole.bytes || m.whole.intensity || m.whole.share || m.whole.compute_share);
  EXPECT_FALSE(m.traffic || m.launches || m.gap_s || m.floor_share);
  EXPECT_TRUE(m.whole.bound.empty() && m.traffic_note.empty() && m.kernels.empty());
  c = quiet_gpu();
  c.blank("dram__bytes_write.sum");  // what was read alone is not what was moved
  EXPECT_FALSE(c.meaning().whole.bytes);
  c.result.time.reset();
  m = c.meaning();
  EXPECT_FALSE(m.whole.seconds || m.whole.flops_per_s || m.floor_share);
  EXPECT_TRUE(m.whole.flops);
  c.set_region("rnnbench__gap_time", std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(c.meaning().gap_s);
}

TEST(Roofline, OutputBytesAreThoseOfTheWantedOnes) {
  const auto bytes = [](const char* id) { return output_bytes(parse_id(id)); };
  EXPECT_EQ(bytes("gru_b2_t3_i4_h5_l1_f32_want-out"), 4 * 2 * 3 * 5);
  EXPECT_EQ(bytes("lstm-bi_b2_t3_i4_h5_l6_f16_want-hn+cn"), 2 * 2 * 12 * 2 * 5);
  EXPECT_EQ(bytes("rnn_tanh_b2_t3_i4_h5_l1_f32_head7-every"), 4 * 2 * 3 * 7);
  EXPECT_EQ(bytes("rnn_tanh_b2_t3_i4_h5_l1_f32_head7-last_want-hn"), 4 * (2 * 7 + 2 * 5));
}

TEST(Roofline, ExchangesAreReadOffTheMeasuredLine) {
  Peaks peaks;
  EXPECT_EQ(exchange_seconds(peaks, 8), 0);
  peaks.exchange_s = {{33, 2e-6}, {1, 0}, {17, 1e-6}};
  EXPECT_EQ(exchange_seconds(peaks, 1), 0);
  EXPECT_DOUBLE_EQ(exchange_seconds(peaks, 9), 0.5e-6);
  EXPECT_DOUBLE_EQ(exchange_seconds(peaks, 25), 1.5e-6);
  EXPECT_DOUBLE_EQ(exchange_seconds(peaks, 132), 2e-6);
}

}  // namespace
}  // namespace rnnbench
