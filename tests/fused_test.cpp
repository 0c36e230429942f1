// cuda:fused: its planner anywhere, and each of its tiles where there is a GPU.
#include "impls/cuda/fused/plan.hpp"
#include "tests/cuda_fixture.hpp"

namespace rnnbench {
namespace {

using namespace cuda_fixture;
using fused::Form;
using fused::Product;

constexpr std::array products{Product::ffma, Product::tf32, Product::tf32x3, Product::f16,
                              Product::bf16};

Dtype dtype_of(Product product) {
  switch (product) {
    case Product::tf32:
      return Dtype::tf32;
    case Product::f16:
      return Dtype::f16;
    case Product::bf16:
      return Dtype::bf16;
    default:
      return Dtype::f32;
  }
}

DeviceInfo an_h200() {
  DeviceInfo device;
  device.kind = Device::cuda, device.units = 132, device.cc = 90, device.clock_hz = 1.98e9;
  return device;
}

TEST(FusedPlan, TilesAddUpAndFitTheirChips) {
  for (const Product product : products)
    for (const int gates : {1, 3, 4}) {
      const auto& first = fused::tiles(product, gates).front();
      EXPECT_EQ(first.warps(), 4);  // the conservative one
      EXPECT_EQ(first.stages, 2);
      for (const auto& tile : fused::tiles(product, gates)) {
        const std::string name = name_of(tile, product);
        EXPECT_TRUE(tile.warps() == 4 || tile.warps() == 8) << name;
        EXPECT_GE(tile.stages, 2) << name;
        EXPECT_EQ(tile.chunk_bytes % (tile.warps_k * (product == Product::ffma ? 16 : 64)), 0);
        EXPECT_EQ(fused::Tile::from_code(tile.code()), tile) << name;
      }
    }
}

/// The shared memory that one block may have there.
TEST(FusedPlan, OffersWhatFitsTheDevice) {
  for (const auto& [cc, most] : {std::pair(80, 163), {86, 99}, {89, 99}, {120, 99}, {100, 227}}) {
    DeviceInfo device = an_h200();
    device.cc = cc;
    for (const Product product : products)
      for (const char* text : {"gru_b128_t9_i256_h256_l2_f32", "lstm_b10_t9_i256_h256_l1_f32",
                               "rnn_tanh_b256_t1_i512_h512_l1_f32"}) {
        const Problem p = parse_id(text);
        const auto all = fused::plans(p, device, product);
        EXPECT_GE(all.size(), 8u);
        for (const auto& plan : all) {
          const auto* tile = std::get_if<fused::Tile>(&plan.tile);
          ASSERT_NE(tile, nullptr) << plan.config() << " on CC " << cc;  // wgmma is CC 9.0's alone
          EXPECT_LE(tile->shared_bytes(gates(p.cell), fused::slots_of(gates(p.cell))), most * 1024);
        }
      }
  }
}

TEST(FusedPlan, OffersNoTileThatNeedsMoreBlocksThanAGridHas) {
  for (const auto& plan :
       fused::plans(parse_id("gru_b70000_t1_i8_h8_l1_f32"), an_h200(), Product::ffma))
    EXPECT_EQ(plan.config().find("-1x8x"), std::string::npos) << plan.config();
}

TEST(FusedPlan, LeavesOutInputGatesThatWouldNotFitIntoMemory) {
  const Problem p = parse_id("lstm_b1024_t2048_i512_h2048_l2_f32");
  DeviceInfo device = an_h200();
  EXPECT_EQ(fused::plans(p, device, Product::ffma).front().form, Form::hoisted);
  device.memory_bytes = 80e9;  // the gates of all steps alone are 64 GiB
  const auto all = fused::plans(p, device, Product::ffma);
  EXPECT_EQ(all.front().form, Form::in_kernel);
  EXPECT_EQ(all.back().form, Form::hoisted);  // whoever asks for it gets it
}

TEST(FusedPlan, WgmmaFromABatchOf64OnWhereRowsAreAligned) {
  if (!fused::wide_built) GTEST_SKIP() << "sm_90a is not among the architectures of this build";
  const auto has_wgmma = [](const char* text, Product product) {
    const auto all = fused::plans(parse_id(text), an_h200(), product);
    return std::any_of(all.begin(), all.end(), [](const auto& plan) {
      return plan.config().find("wgmma") != std::string::npos;
    });
  };
  EXPECT_TRUE(has_wgmma("gru_b64_t9_i256_h256_l1_f16", Product::f16));
  EXPECT_TRUE(has_wgmma("gru_b64_t9_i4_h4_l1_tf32", Product::tf32));
  EXPECT_FALSE(has_wgmma("gru_b63_t9_i256_h256_l1_f16", Product::f16));
  EXPECT_FALSE(has_wgmma("gru_b64_t9_i256_h250_l1_f16", Product::f16));
  EXPECT_FALSE(has_wgmma("gru_b64_t9_i256_h256_l1_f32", Product::ffma));
}

TEST(FusedPlan, ThinTilesForThinBatchesAndPrefetchedWeights) {
  const auto best = [](const char* text, Product product) {
    return fused::plans(parse_id(text), an_h200(), product).front().config();
  };
  EXPECT_NE(best("gru_b1_t64_i1024_h1024_l1_f32", Product::ffma).find("-1x8x"), std::string::npos);
  // Four stages hold all of a row of 1024 values in f16 but one chunk: three hold half.
  EXPECT_NE(best("gru_b1_t64_i1024_h1024_l1_f16", Product::f16).find("-s4"), std::string::npos);
}

TEST(FusedPlan, WavefrontForSmallStacksAndHoistedForLargeLayers) {
  const auto best = [](const char* text) {
    return fused::plans(parse_id(text), an_h200(), Product::ffma).front();
  };
  EXPECT_EQ(best("gru_b10_t512_i128_h256_l6_f32").form, Form::in_kernel);
  EXPECT_EQ(best("gru_b128_t256_i2816_h2816_l1_f32").form, Form::hoisted);
  EXPECT_EQ(best("rnn_tanh_b8_t1_i1024_h256_l1_f32").form,
            Form::in_kernel);  // nothing to hoist for
  EXPECT_EQ(fused::waves(parse_id("gru_b10_t512_i128_h256_l6_f32"), Form::in_kernel), 517);
  EXPECT_EQ(fused::waves(parse_id("gru_b10_t512_i128_h256_l6_f32"), Form::hoisted), 3072);
  EXPECT_EQ(fused::waves(parse_id("gru-bi_b10_t512_i128_h256_l6_f32"), Form::in_kernel), 3072);
}

TEST(FusedPlan, FourCandidatesWithTheConservativeTileAndTheModelsChoiceFirst) {
  for (const Product product : products)
    for (const char* text : {"gru_b10_t512_i128_h256_l6_f32", "lstm_b64_t25_i512_h512_l1_f32",
                             "rnn_tanh_b1_t1_i16_h16_l1_f32"}) {
      const Problem p = parse_id(text);
      const auto all = fused::plans(p, an_h200(), product);
      const auto chosen = fused::candidate_plans(p, an_h200(), product);
      ASSERT_LE(chosen.size(), 4u);
      ASSERT_GE(chosen.size(), 2u);
      EXPECT_EQ(chosen.front().config(), all.front().config());
      EXPECT_TRUE(std::any_of(chosen.begin(), chosen.end(), [&](const auto& plan) {
        return plan.tile == fused::AnyTile(fused::tiles(product, gates(p.cell)).front());
      }));
      for (const auto& plan : chosen)
        EXPECT_EQ(fused::plan_named(plan.config(), p, an_h200(), product).config(), plan.config());
    }
}

TEST(FusedPlan, UnknownWordsNameWhatThereIs) {
  const Problem p = parse_id("gru_b1_t1_i1_h1_l1_f32");
  try {
    fused::plan_named("in-kernel-1x1x1-w1-s1", p, an_h200(), Product::ffma);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("hoisted-16x8x128-w8-s4"), std::string::npos);
  }
  EXPECT_THROW(fused::product_for(Dtype::f16, "3xtf32"), UsageError);
  EXPECT_THROW(fused::product_for(Dtype::f32, "tf32"), UsageError);
  EXPECT_EQ(fused::product_for(Dtype::f32, "3xtf32"), Product::tf32x3);
}

using GpuFused = Gpu;

TEST_F(GpuFused, EveryTileOfEveryFormAgreesWithTheReference) {
  const Impl* impl = Registry::instance().find("cuda:fused");
  ASSERT_NE(impl, nullptr);
  std::mt19937 random(11);
  for (const Product product : products)
    for (const char* text :
         {"rnn_relu_b131_t3_i37_h141_l2_f32_head9-every", "gru-bi_b67_t3_i64_h72_l2_f32",
          "lstm_b131_t3_i72_h40_l3_f32_btc", "gru_b66_t3_i8_h16_l19_f32",
          "rnn_tanh_b3_t20_i5_h7_l35_f32", "gru_b9_t4_i130_h264_l2_f32_nobias",
          "lstm_b300_t3_i64_h200_l2_f32", "rnn_tanh_b130_t2_i136_h264_l2_f32_head72-last",
          "gru_b70_t2_i72_h136_l2_f32_btc", "lstm-bi_b3_t2_i65_h33_l1_f32"}) {
      Problem p = with_all_outputs(parse_id(text));
      p.dtype = dtype_of(product);
      for (const auto& plan : fused::plans(p, info, product)) {
        Options options;
        options.more["config"] = plan.config();
        if (product == Product::tf32x3) options.more["math"] = "3xtf32";
        SCOPED_TRACE(plan.config());
        check(*impl, p, true, 2, random, options);
        if (HasFatalFailure()) return;
      }
    }
}

/// Few and small, so that compute-sanitizer can watch all of them: docs/kernels.md.
constexpr const char* odd_shapes[] = {"rnn_tanh_b3_t3_i5_h7_l2_f32_head3-every",
                                      "gru-bi_b9_t2_i33_h31_l2_f32",
                                      "lstm_b17_t3_i19_h40_l2_f32_btc_stateful",
                                      "gru_b5_t2_i24_h72_l1_tf32",
                                      "lstm-bi_b7_t2_i9_h11_l2_f16_nobias",
                                      "gru_b65_t3_i40_h48_l2_f16_head5-last",
                                      "rnn_relu_b70_t2_i64_h136_l1_bf16",
                                      "lstm_b66_t2_i36_h44_l1_tf32",
                                      "gru_b67_t2_i36_h40_l2_f32"};

/// Every wgmma tile, in f32 as well: the model would choose none for shapes as small as these.
std::vector<Options> wgmma_options(const Problem& p, const DeviceInfo& device) {
  const std::string math = p.dtype == Dtype::f32 ? "3xtf32" : "";
  std::vector<Options> all;
  for (const auto& plan : fused::plans(p, device, fused::product_for(p.dtype, math)))
    if (plan.config().find("wgmma") != std::string::npos) {
      auto& more = all.emplace_back().more;
      more["config"] = plan.config();
      if (!math.empty()) more["math"] = math;
    }
  return all;
}

TEST_F(GpuFused, OddShapesForTheSanitizers) {
  std::mt19937 random(12);
  for (const char* text : odd_shapes) {
    const Problem p = parse_id(text);
    const int calls = p.stateful ? 3 : 1;
    for (const Impl& impl : cuda_impls()) check(impl, p, false, calls, random);
    for (const Options& options : wgmma_options(p, info))
      check(*Registry::instance().find("cuda:fused"), p, false, calls, random, options);
    if (HasFatalFailure()) return;
  }
}

class GpuFusedOddShape : public Gpu, public testing::WithParamInterface<const char*> {};

/// racecheck cannot watch launches that overlap, nor all of these shapes in one process.
TEST_P(GpuFusedOddShape, OneLaunchAfterAnother) {
  const Impl* impl = Registry::instance().find("cuda:fused");
  std::mt19937 random(12);
  const Problem p = parse_id(GetParam());
  std::vector<const char*> maths{""};
  if (p.dtype == Dtype::f32) maths.push_back("3xtf32");
  for (const std::string math : maths)
    for (const auto& plan : fused::candidate_plans(p, info, fused::product_for(p.dtype, math))) {
      Options options{.more = {{"config", plan.config()}, {"overlap", "no"}}};
      if (!math.empty()) options.more["math"] = math;
      SCOPED_TRACE(plan.config());
      check(*impl, p, false, p.stateful ? 3 : 1, random, options);
    }
  for (Options& options : wgmma_options(p, info)) {
    options.more["overlap"] = "no";
    SCOPED_TRACE(options.more["config"]);
    check(*impl, p, false, p.stateful ? 3 : 1, random, options);
  }
}
INSTANTIATE_TEST_SUITE_P(Shapes, GpuFusedOddShape, testing::ValuesIn(odd_shapes));

/// 3xTF32 may be called f32 where its error is within twice that of the f32 units: on mma.sync, and
/// on each tile of wgmma, where the tensor cores' own sums would be off by more.
TEST_F(GpuFused, ThreeTf32ProductsAreAsGoodAsF32) {
  const Impl* impl = Registry::instance().find("cuda:fused");
  std::mt19937 random(13);
  for (const char* text : {"gru_b16_t50_i256_h256_l2_f32", "lstm_b64_t20_i512_h512_l1_f32",
                           "gru_b64_t20_i512_h512_l1_f32", "rnn_tanh_b8_t1_i4096_h1024_l1_f32",
                           "rnn_tanh_b64_t1_i16384_h1024_l1_f32"}) {
    const Problem p = with_all_outputs(parse_id(text));
    const auto inputs = random_inputs(p, random);
    const Reference want = reference(p, inputs);
    const auto error_of = [&](const Options& options) {
      DeviceProblem device(*session, p, inputs);
      auto kernel = impl->make(p, device.tensors, options);
      kernel->launch(session->stream());
      session->synchronize();
      return device.largest_error(want);
    };
    const double f32_error = error_of({});
    bool first = true;
    for (const auto& plan : fused::plans(p, info, Product::tf32x3)) {
      const bool wgmma = plan.config().find("wgmma") != std::string::npos;
      if (!first && !wgmma) continue;
      first = false;
      const double error = error_of({.more = {{"config", plan.config()}, {"math", "3xtf32"}}});
      std::printf("%s: f32 units %.2g, 3xTF32 %.2g %s\n", text, f32_error, error,
                  plan.config().c_str());
      EXPECT_LE(error, 2 * f32_error) << text << ' ' << plan.config();
    }
  }
}

}  // namespace
}  // namespace rnnbench
