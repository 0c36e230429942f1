// The planner of cuda:persistent: what fits, what is refused, what the model prefers.
#include <gtest/gtest.h>

#include <cmath>

#include "harness/error.hpp"
#include "impls/cuda/persistent/plan.hpp"
#include "impls/cuda/persistent/shape.hpp"

namespace rnnbench::persistent {
namespace {

DeviceInfo h200() {
  DeviceInfo device;
  device.kind = Device::cuda, device.units = 132, device.cc = 90, device.clock_hz = 1.98e9;
  device.fma_per_clock = 128, device.on_chip_bytes = 227 * 1024;
  return device;
}

TEST(PersistentPlan, RefusesWhatNoClusterHolds) {
  const DeviceInfo device = h200();
  EXPECT_EQ(refusal(parse_id("gru_b1_t5_i8_h256_l1_f32"), device), std::nullopt);
  const auto wide = refusal(parse_id("gru_b1_t5_i8_h257_l1_f32"), device);
  ASSERT_TRUE(wide);
  EXPECT_NE(wide->find("up to 256 hidden units, not of 257"), std::string::npos) << *wide;
  EXPECT_TRUE(plans(parse_id("gru_b1_t5_i8_h257_l1_f32"), device).empty());
  DeviceInfo old = device;
  old.cc = 89;
  const auto before = refusal(parse_id("gru_b1_t5_i8_h64_l1_f32"), old);
  ASSERT_TRUE(before);
  EXPECT_NE(before->find("compute capability 9.0"), std::string::npos) << *before;
}

TEST(PersistentPlan, EveryPlanHoldsItsProblem) {
  const DeviceInfo device = h200();
  for (const char* cell : {"rnn_tanh", "gru", "gru-bi", "lstm"})
    for (const int hidden : {1, 3, 16, 17, 64, 100, 128, 129, 200, 250, 256})
      for (const int input : {1, 128, 129, 256, 257, 1000})
        for (const int batch : {1, 7, 10, 33, 300, 140000})
          for (const char* stack : {"_l1", "_l3", "_l7"}) {
            const auto id = std::string(cell) + "_b" + std::to_string(batch) + "_t9_i" +
                            std::to_string(input) + "_h" + std::to_string(hidden) + stack + "_f32";
            const Problem p = parse_id(id);
            const auto all = plans(p, device);
            ASSERT_FALSE(all.empty()) << id;
            for (const Plan& plan : all) {
              SCOPED_TRACE(id + " " + plan.config());
              EXPECT_GE(plan.cluster * plan.units, hidden);
              EXPECT_LE(plan.cluster, 16);
              EXPECT_EQ(plan.units % 4, 0);
              EXPECT_LE(plan.units, unit_cap);
              EXPECT_LE(plan.cluster * plan.units, k_cap(plan.k_lane));
              for (int layer = 0; layer < p.layers; ++layer)
                EXPECT_TRUE(!plan.inside() || layer_input(p, layer) <= k_cap(plan.k_lane));
              EXPECT_LE(layout(gates(p.cell), plan.k_lane, plan.rows, plan.inside()).floats * 4,
                        device.on_chip_bytes);
              EXPECT_GT(plan.step_s, 0);
              EXPECT_GT(plan.total_s, double(p.seq) * plan.step_s);
              EXPECT_TRUE(std::isfinite(plan.total_s));
              EXPECT_EQ(plan_named(plan.config(), p, device).total_s, plan.total_s);
              std::int64_t row = 0;
              for (int slice = 0; slice < plan.slices; ++slice) {
                EXPECT_EQ(first_row_of(batch, plan.slices, slice), row);
                EXPECT_LE(rows_of(batch, plan.slices, slice), plan.rows);
                row += rows_of(batch, plan.slices, slice);
              }
              EXPECT_EQ(row, batch);
              EXPECT_TRUE(plan.form != Form::wavefront ||
                          plan.slices * p.layers <= resident_clusters(plan.cluster, device));
            }
          }
}

TEST(PersistentPlan, StacksGoAsAWavefrontAndWideInputsAreHoisted) {
  const DeviceInfo device = h200();
  const auto best = [&](const char* id) { return plans(parse_id(id), device).front().form; };
  EXPECT_EQ(best("gru_b10_t512_i128_h256_l6_f32"), Form::wavefront);
  EXPECT_EQ(best("gru_b16_t512_i256_h256_l1_f32"), Form::inside);
  EXPECT_EQ(best("gru-bi_b10_t512_i128_h256_l6_f32"), Form::hoisted);
  EXPECT_EQ(best("rnn_tanh_b8_t256_i1024_h256_l1_f32"), Form::hoisted);
}

TEST(PersistentPlan, SlicesTheBatchWhileThereIsRoom) {
  const DeviceInfo device = h200();
  const Plan plan = plans(parse_id("gru-bi_b10_t512_i128_h256_l6_f32"), device).front();
  EXPECT_EQ(plan.slices, 3);  // of two directions: six of the seven clusters that there is room for
  EXPECT_EQ(plan.rows, 4);
}

TEST(PersistentPlan, UnknownWordsNameWhatThereIs) {
  const Problem p = parse_id("gru_b2_t9_i8_h40_l2_f32");
  try {
    (void)plan_named("wavefront-c16-s9", p, h200());
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("wavefront-c4-s"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("hoisted-c4-s"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace rnnbench::persistent
