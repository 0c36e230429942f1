#include "harness/floor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace rnnbench {
namespace {

// A round-numbered GPU: 100 units of 1 TFLOP/s in all, 1 GHz, 1 MB of weights a unit, 1 GB/s
// copies.
DeviceInfo gpu() {
  DeviceInfo d;
  d.kind = Device::cuda;
  d.units = 100;
  d.clock_hz = 1e9;
  d.on_chip_bytes = 1e6;
  d.llc_bytes = 50e6;
  return d;
}

Peaks peaks() {
  Peaks m;
  m.copy_bytes_per_s = 1e9;
  m.gemm_flops_per_s = {{"f32", 1e12}};
  m.exchange_s = {{11, 1e-6}, {101, 10e-6}};
  return m;
}

TEST(Floor, long_thin_recurrence_is_bound_by_latency) {
  // One chain of 2·256·256·3 = 393 216 flops a step at 10 GFLOP/s a unit. Four units spend
  // 393 216·(3/4)/4/1e10 = 7.37 us on their part and 0.3 us on the exchange.
  const Problem p = parse_id("gru_b1_t1000_i1_h256_l1_f32");
  const Floor f = floor_of(p, gpu(), peaks());
  double best = 1e9;
  int units = 0;
  for (int c = 2; c <= 100; ++c) {
    const double exchange = 0.1e-6 * (c - 1);  // both measured points lie on this line
    const double s = 1000 * (393216 * (c - 1.0) / c / (c * 1e10)) + 999 * exchange;
    if (s < best) best = s, units = c;
  }
  EXPECT_EQ(f.bound, "latency");
  EXPECT_NEAR(f.latency_s, best, best * 1e-12);
  EXPECT_EQ(f.units, units);
  EXPECT_EQ(f.seconds, f.latency_s);
  EXPECT_NEAR(f.flops_s, 1000 * (393216 + 2.0 * 768) / 1e12, 1e-15);
  EXPECT_EQ(f.bytes_s, 0);  // all of it fits in the cache
}

TEST(Floor, wide_batch_is_bound_by_bytes_or_flops) {
  const Problem p = parse_id("gru_b4096_t10_i256_h256_l1_f32");
  const Floor f = floor_of(p, gpu(), peaks());
  EXPECT_EQ(f.bound, "bytes");  // 42 MB of x and 42 MB of output: over the cache
  EXPECT_NEAR(f.bytes_s, (compulsory_bytes(p) - 50e6) / 1e9, 1e-12);
  Peaks fast = peaks();
  fast.copy_bytes_per_s = 1e13;
  const Floor g = floor_of(p, gpu(), fast);
  EXPECT_EQ(g.bound, "flops");
  EXPECT_NEAR(g.seconds, flops(p) / 1e12, 1e-12);
  // Rows are independent, so one unit a row needs no exchange: many rows must not cost latency.
  EXPECT_LT(g.latency_s, 0.1 * g.seconds);
}

TEST(Floor, one_unit_has_nobody_to_exchange_with) {
  const Problem p = parse_id("rnn_tanh_b64_t500_i8_h16_l1_f32");
  const Floor f = floor_of(p, gpu(), peaks());
  EXPECT_EQ(f.units, 1);
  EXPECT_NEAR(f.latency_s, 500 * 512.0 / 1e10, 1e-15);
}

TEST(Floor, one_step_has_no_exchange) {
  const Problem p = parse_id("rnn_tanh_b8_t1_i1024_h256_l1_f32");
  Peaks slow = peaks();
  slow.exchange_s = {{2, 1.0}, {100, 1.0}};
  EXPECT_LT(floor_of(p, gpu(), slow).seconds, 1e-3);
}

TEST(Floor, weights_that_do_not_fit_have_to_come_in_again) {
  // 4·1024·1024·4 B = 16.8 MB over units of 1 MB: 17 units hold them.
  const Problem p = parse_id("lstm_b1_t100_i1_h1024_l1_f32");
  Peaks quick = peaks();
  quick.gemm_flops_per_s["f32"] = 1e18;
  DeviceInfo slow = gpu();
  slow.clock_hz = 1e6;  // reading anything again costs far more than exchanging
  const Floor f = floor_of(p, slow, quick);
  EXPECT_EQ(f.units, 17);
  EXPECT_NEAR(f.latency_s, 99 * 1.6e-6, 1e-8);  // exchange(17), on the line of both points
  // At a real clock, reading the 0.8 MB that 16 units cannot hold is cheaper than one more unit.
  const Floor h = floor_of(p, gpu(), quick);
  EXPECT_EQ(h.units, 16);
  EXPECT_NEAR(h.latency_s, 99 * 1.5e-6, 1e-8);
  // Nothing fits at all: every unit takes part, and reads 64 bytes a clock.
  DeviceInfo small = gpu();
  small.on_chip_bytes = 0;
  quick.exchange_s.clear();
  const Floor g = floor_of(p, small, quick);
  EXPECT_EQ(g.units, 100);
  EXPECT_NEAR(g.latency_s, 99 * hidden_weight_bytes(p) / (100 * 64e9), 1e-9);
}

TEST(Floor, nothing_measured_nothing_claimed) {
  const Problem p = parse_id("gru_b1_t10_i8_h8_l1_f16");
  EXPECT_EQ(floor_of(p, gpu(), peaks()), Floor{});
  EXPECT_EQ(floor_of(p, gpu(), Peaks{}), Floor{});
  Peaks only;
  only.gemm_flops_per_s["f16"] = 1e12;
  const Floor f = floor_of(p, gpu(), only);
  EXPECT_GT(f.seconds, 0);
  EXPECT_EQ(f.bytes_s, 0);
}

TEST(Floor, f32_on_a_gpu_counts_its_multiply_add_units) {
  const Problem p = parse_id("gru_b512_t100_i64_h64_l1_f32");
  DeviceInfo d = gpu();
  d.fma_per_clock = 128;  // 2·128·1e9·100 = 25.6 TFLOP/s
  EXPECT_NEAR(floor_of(p, d, peaks()).flops_s, flops(p) / 25.6e12, 1e-15);
  d.kind = Device::cpu;
  EXPECT_NEAR(floor_of(p, d, peaks()).flops_s, flops(p) / 1e12, 1e-15);
}

TEST(Floor, f32_of_three_products_of_parts_may_be_as_fast_as_those) {
  const Problem p = parse_id("gru_b512_t100_i64_h64_l1_f32");
  DeviceInfo d = gpu();
  d.fma_per_clock = 128;
  for (const char* parts : {"tf32", "f16"}) {
    Peaks m = peaks();
    m.gemm_flops_per_s[parts] = 300e12;
    EXPECT_NEAR(floor_of(p, d, m).flops_s, flops(p) / 100e12, 1e-15);
    m.gemm_flops_per_s[parts] = 30e12;  // slower than the f32 units
    EXPECT_NEAR(floor_of(p, d, m).flops_s, flops(p) / 25.6e12, 1e-15);
  }
  const Problem f16 = parse_id("gru_b512_t100_i64_h64_l1_f16");  // only f32 is made of them
  Peaks m = peaks();
  m.gemm_flops_per_s["f16"] = 1e12, m.gemm_flops_per_s["tf32"] = 300e12;
  EXPECT_NEAR(floor_of(f16, d, m).flops_s, flops(f16) / 1e12, 1e-12);
}

TEST(Floor, steps_that_no_output_needs_are_not_charged) {
  const Problem all = parse_id("lstm-bi_b10_t512_i128_h256_l6_f32_head10-last_want-hn");
  const Problem head = parse_id("lstm-bi_b10_t512_i128_h256_l6_f32_head10-last");
  const double saved =
      floor_of(all, gpu(), peaks()).flops_s - floor_of(head, gpu(), peaks()).flops_s;
  EXPECT_NEAR(saved, 2.0 * 511 * 10 * 4 * 256 * (512 + 256) / 1e12, 1e-9);
}

// Two bounds that hold whatever the model: no strategy below can be under the floor. Strategy A
// runs every row on its own unit where its weights fit; strategy B is the plain formula with all
// units.
TEST(Floor, stays_under_simple_strategies) {
  std::mt19937 random(1);
  for (int k = 0; k < 2000; ++k) {
    Problem p;
    p.cell = static_cast<Cell>(random() % 4);
    p.batch = 1 + random() % 300;
    p.seq = 1 + random() % 100;
    p.input = 1 + random() % 500;
    p.hidden = 1 + random() % 1000;
    p.layers = 1 + random() % 4;
    p.directions = 1 + random() % 2;
    const Floor f = floor_of(p, gpu(), peaks());
    const double rate = 1e12 / 100, chains = static_cast<double>(p.batch * p.directions);
    const double moved = std::max(0.0, compulsory_bytes(p) - 50e6) / 1e9;
    const double rest = std::max(f.flops_s, moved);
    if (hidden_weight_bytes(p) / p.directions <= 1e6) {
      const double rounds = std::ceil(chains / 100);
      const double a = depth(p) * rounds * step_flops(p) / chains / rate;
      EXPECT_LE(f.seconds, std::max(rest, a) * (1 + 1e-9)) << id(p);
    }
    if (hidden_weight_bytes(p) <= 100e6) {
      const double b = depth(p) * (9.9e-6 + step_flops(p) / 1e12);
      EXPECT_LE(f.seconds, std::max(rest, b) * (1 + 1e-9)) << id(p);
    }
    EXPECT_GE(f.seconds, flops(p) / 1e12 * (1 - 1e-12));
  }
}

}  // namespace
}  // namespace rnnbench
