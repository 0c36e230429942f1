// The cost models of cuda:persistent: what they predict, and what is chosen by them.
#include <gtest/gtest.h>

#include <string>

#include "impls/cuda/persistent/plan.hpp"
#include "tests/h200.hpp"

namespace rnnbench::persistent {
namespace {

/// Calls on an H200, as CUDA graphs.
TEST(PersistentPlan, PredictsWhatWasMeasured) {
  struct Measured {
    const char *id, *config;
    double us;
  };
  for (const Measured& m : {Measured{"gru_b16_t256_i1024_h1024_l1_f16", "grid-u16-b8-s2", 438},
                            {"gru_b1_t256_i1024_h1024_l1_f16", "grid-u8-b8-s1", 295},
                            {"lstm_b16_t256_i1024_h1024_l1_f16", "grid-u16-b8-s2", 488},
                            {"gru_b64_t256_i1024_h1024_l1_f16", "grid-u16-b32-s2", 1013},
                            {"lstm_b64_t256_i512_h512_l1_f16", "grid-u16-b16-s4", 662},
                            {"gru_b32_t128_i2048_h2048_l1_f16", "grid-u16-b32-s1", 709},
                            {"gru_b16_t256_i1024_h1024_l1_tf32", "grid-u16-b8-s2", 637},
                            {"gru_b64_t256_i1024_h1024_l1_tf32", "grid-u16-b32-s2", 1439},
                            {"lstm_b16_t256_i1024_h1024_l1_tf32", "grid-u16-b8-s2", 756},
                            {"gru_b16_t256_i1024_h1024_l1_f32", "grid-u16-b8-s2", 940},
                            {"gru_b64_t256_i1024_h1024_l1_f32", "grid-u16-b32-s2", 2429},
                            {"lstm_b16_t256_i1024_h1024_l1_f32", "grid-u16-b8-s2", 1096},
                            {"lstm_b64_t256_i512_h512_l1_f16", "grid-u16-b8x2-s8", 473},
                            {"gru_b64_t256_i512_h512_l1_f16", "grid-u16-b8x2-s8", 380},
                            {"gru_b64_t256_i512_h512_l1_f32", "grid-u16-b8x2-s8", 852},
                            {"lstm_b128_t256_i512_h512_l1_f16", "grid-u16-b16x2-s8", 784},
                            {"rnn_relu_b16_t50_i2560_h2560_l1_f16", "grid-u32-b16-s1", 168},
                            {"rnn_relu_b64_t50_i2048_h2048_l1_f16", "grid-u32-b32-s2", 268},
                            {"lstm_b32_t25_i2048_h2048_l1_f16", "grid-u16-b32-s1", 248},
                            {"lstm_b64_t256_i1024_h1024_l1_f16", "grid-u16-b32-s2", 1141},
                            {"gru_b10_t512_i256_h256_l10_f32", "wavefront-c8-s2", 1748},
                            {"gru_b10_t512_i256_h256_l10_f16", "wavefront-c8-s2", 1363},
                            {"lstm_b16_t512_i256_h256_l6_f32", "wavefront-c16-s1", 1701},
                            {"gru_b1_t256_i1024_h1024_l1_f32", "rows-u8-r1-s1", 243},
                            {"gru_b2_t256_i1024_h1024_l1_f32", "rows-u8-r2-s1", 334},
                            {"gru_b4_t256_i1024_h1024_l1_f32", "rows-u8-r4-s1", 494},
                            {"gru_b1_t187_i1536_h1536_l1_f32", "rows-u12-r1-s1", 269},
                            {"gru_b1_t187_i2048_h2048_l1_f32", "rows-u16-r1-s1", 442},
                            {"gru_b2_t187_i2048_h2048_l1_f32", "rows-u16-r2-s1", 585},
                            {"lstm_b1_t150_i1024_h1024_l1_f32", "rows-u8-r1-s1", 172},
                            {"lstm_b1_t256_i2048_h2048_l1_f32", "rows-u16-r1-s1", 1427},
                            {"lstm_b2_t256_i2048_h2048_l1_f32", "rows-u16-r2-s1", 1871},
                            {"lstm_b4_t256_i2048_h2048_l1_f32", "rows-u16-r4-s1", 2602},
                            {"gru_b1_t256_i2560_h2560_l1_f32", "rows-u20-r1-s1", 2479},
                            {"gru_b2_t256_i2560_h2560_l1_f32", "rows-u20-r2-s1", 2745},
                            {"gru_b1_t256_i2560_h2560_l1_f16", "rows-u20-r1-s1", 669},
                            {"gru_b2_t256_i2560_h2560_l1_f16", "rows-u20-r2-s1", 1052},
                            {"gru_b4_t256_i2560_h2560_l1_f16", "rows-u20-r4-s1", 1710},
                            {"gru_b1_t256_i2816_h2816_l1_f16", "rows-u24-r1-s1", 1086},
                            {"gru_b2_t256_i2816_h2816_l1_f16", "rows-u24-r2-s1", 1426},
                            {"gru_b4_t256_i2816_h2816_l1_f16", "rows-u24-r4-s1", 2215},
                            {"rnn_relu_b16_t256_i2560_h2560_l1_f32", "grid-u32-b16-s1", 2890},
                            {"rnn_relu_b16_t256_i2560_h2560_l1_tf32", "grid-u32-b16-s1", 1394},
                            {"gru_b10_t512_i128_h256_l6_f32", "wavefront-c16-s1", 1035},
                            {"gru_b10_t512_i128_h256_l6_f32", "wavefront-c8-s2", 867},
                            {"gru_b10_t512_i128_h256_l6_tf32", "wavefront-c8-s2", 731},
                            {"gru_b10_t512_i128_h256_l6_f16", "wavefront-c16-s1", 744},
                            {"gru_b10_t512_i128_h256_l6_f16", "wavefront-c8-s2", 684},
                            {"lstm_b10_t512_i128_h256_l6_f32", "wavefront-c16-s1", 1147},
                            {"gru-bi_b10_t512_i128_h256_l6_f32", "hoisted-c16-s3", 3680},
                            {"gru-bi_b10_t512_i128_h256_l6_f32", "hoisted-c8-s5", 3046},
                            {"gru_b64_t256_i256_h256_l1_f32", "hoisted-c8-s14", 418},
                            {"gru_b64_t256_i256_h256_l1_f16", "hoisted-c8-s14", 284},
                            {"rnn_tanh_b8_t256_i1024_h256_l1_f32", "hoisted-c8-s8", 158},
                            {"gru-bi_b10_t512_i128_h256_l6_f16", "hoisted-c16-s3", 2260},
                            {"gru_b16_t512_i256_h256_l1_f32", "hoisted-c16-s6", 518},
                            {"gru_b1_t256_i256_h256_l1_f32", "hoisted-c16-s1", 177},
                            {"gru_b128_t256_i128_h128_l1_f32", "solo-s128", 178}}) {
    const Plan plan = plan_named(m.config, parse_id(m.id), h200());
    EXPECT_NEAR(1e6 * plan.total_s / m.us, 1, 0.21) << m.id << " " << m.config << ": " << m.us;
  }
}

TEST(PersistentPlan, FillsTheChipWithSlices) {
  const DeviceInfo device = h200();
  const auto best = [&](const char* id) {
    const Plan plan = plans(parse_id(id), device).front();
    return plan.config() + " of " + std::to_string(plan.blocks) + " blocks";
  };
  EXPECT_EQ(best("gru_b1_t256_i1024_h1024_l1_f16"), "rows-u8-r1-s1 of 128 blocks");
  EXPECT_EQ(best("gru_b16_t256_i1024_h1024_l1_f16"), "grid-u16-b8-s2 of 64 blocks");
  EXPECT_EQ(best("lstm_b16_t256_i1024_h1024_l1_bf16"), "grid-u16-b8-s2 of 64 blocks");
  EXPECT_EQ(best("gru_b64_t256_i1024_h1024_l1_f16"), "grid-u16-b32-s2 of 64 blocks");
  EXPECT_EQ(best("lstm_b64_t256_i512_h512_l1_f16"), "grid-u16-b8x2-s8 of 32 blocks");
  EXPECT_EQ(best("gru_b32_t128_i2048_h2048_l1_f16"), "grid-u16-b32-s1 of 128 blocks");
  EXPECT_EQ(best("gru_b16_t256_i1024_h1024_l1_tf32"), "grid-u16-b8-s2 of 64 blocks");
  EXPECT_EQ(best("gru_b16_t256_i1024_h1024_l1_f32"), "grid-u16-b8-s2 of 64 blocks");
}

/// Where a stack fits clusters, all its layers at once are faster than one after another.
TEST(PersistentPlan, NarrowLayersStayOnClusters) {
  const DeviceInfo device = h200();
  for (const char* id : {"gru_b10_t512_i128_h256_l6_f16", "gru_b16_t512_i256_h256_l1_f16",
                         "lstm_b10_t512_i128_h256_l6_tf32", "gru_b1_t256_i256_h256_l1_f32"})
    EXPECT_NE(plans(parse_id(id), device).front().form, Form::grid) << id;
}

TEST(PersistentPlan, StacksGoAsAWavefront) {
  const DeviceInfo device = h200();
  const auto best = [&](const char* id) { return plans(parse_id(id), device).front().form; };
  EXPECT_EQ(best("gru_b10_t512_i128_h256_l6_f32"), Form::wavefront);
  EXPECT_EQ(best("lstm_b10_t512_i1000_h256_l6_f16"), Form::wavefront);
  // Slices of 16 rows, of which input products are made one step at a time.
  EXPECT_EQ(best("lstm_b16_t512_i256_h256_l6_f32"), Form::wavefront);
  EXPECT_EQ(best("lstm_b32_t512_i256_h256_l3_f32"), Form::wavefront);
  EXPECT_EQ(best("gru_b16_t512_i256_h256_l1_f32"), Form::hoisted);
  EXPECT_EQ(best("gru-bi_b10_t512_i128_h256_l6_f32"), Form::hoisted);
  EXPECT_EQ(best("gru_b8_t256_i1024_h256_l1_f32"), Form::hoisted);
}

/// Of ten layers five at once, in two slices.
TEST(PersistentPlan, DeepStacksTakeTurns) {
  const DeviceInfo device = h200();
  const Problem p = parse_id("gru_b10_t512_i256_h256_l10_f16");
  const Plan plan = plans(p, device).front();
  EXPECT_EQ(plan.config(), "wavefront-c8-s2");
  EXPECT_EQ(plan.layers, 5);
  const Plan half =
      plan_named("wavefront-c8-s2", parse_id("gru_b10_t512_i256_h256_l5_f16"), device);
  EXPECT_NEAR(plan.total_s / half.total_s, 2, 0.02);
}

TEST(PersistentPlan, SlicesTheBatchWhileThereIsRoom) {
  const DeviceInfo device = h200();
  const Plan plan = plans(parse_id("gru-bi_b10_t512_i128_h256_l6_f32"), device).front();
  EXPECT_EQ(plan.slices, 5);  // of two directions: ten of the fourteen clusters there is room for
  EXPECT_EQ(plan.rows, 2);
  EXPECT_EQ(plan.cluster, 8);
}

}  // namespace
}  // namespace rnnbench::persistent
